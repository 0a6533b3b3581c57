import { X509Certificate } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { kindOf, makeDirectory, readIfThere, writeAtomically } from '../files.ts';
import { covers, factsOf, type Names } from './certificate.ts';
import { isAlias, type LineageFolder, lineageFolder, PARTS } from './lineage-folder.ts';
import { isToBeWritten, type RenewalConf, renderRenewalConf } from './renewal-conf.ts';

/** What certbot is told of every lineage. */
export type RenewalTerms = Pick<RenewalConf, 'account' | 'directoryUrl' | 'authenticator'>;

export interface WrittenConf {
  readonly path: string;
  /** An empty one was there, which certbot leaves when it fails. */
  readonly wasEmpty: boolean;
}

// As certbot makes them.
const MODE = 0o644;
const DIRECTORY_MODE = 0o755;

/**
 * Writes the `renewal/<lineage>.conf` of a lineage for these names, unless there is one: what certbot or its user has written is
 * never changed. A lineage that certbot would call broken gets none, because that fails every `certbot renew`. Gives what was
 * written. Throws what the file system throws.
 */
export async function keepRenewalConf(
  volume: string,
  lineage: string,
  names: Names,
  terms: RenewalTerms,
): Promise<WrittenConf | undefined> {
  const root = resolve(volume);
  const keyType = await keyTypeOf(lineageFolder(root, lineage), names);
  if (keyType === undefined) return undefined;
  const wanted = { ...terms, root, lineage, keyType };
  const path = join(root, 'renewal', `${lineage}.conf`);
  const kind = await kindOf(path);
  const text = kind === 'file' ? await readIfThere(path) : undefined;
  if (kind !== 'nothing' && (text === undefined || !isToBeWritten(text, wanted))) return undefined;
  await makeDirectory(join(root, 'renewal'), DIRECTORY_MODE);
  await writeAtomically(path, renderRenewalConf(wanted), MODE);
  return { path, wasEmpty: text?.trim() === '' };
}

/** Of a lineage that certbot can renew: links into its archive, and a certificate for these names. */
async function keyTypeOf(folder: LineageFolder, names: Names): Promise<RenewalConf['keyType'] | undefined> {
  if (await isAlias(folder)) return undefined;
  for (const part of PARTS) if (!(await isArchived(folder, `${part}.pem`))) return undefined;
  const leaf = new X509Certificate(await readFile(join(folder.live, 'cert.pem')));
  const { names: own } = factsOf(leaf);
  if (!names.every((name) => covers(own, name))) return undefined;
  return leaf.publicKey.asymmetricKeyType === 'rsa' ? 'rsa' : 'ecdsa';
}

async function isArchived({ live, archive }: LineageFolder, file: string): Promise<boolean> {
  const path = join(live, file);
  if ((await kindOf(path)) !== 'link') return false;
  const target = resolve(live, await readlink(path));
  return dirname(target) === archive && (await readIfThere(target)) !== undefined;
}
