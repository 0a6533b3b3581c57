import { X509Certificate } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { kindOf, makeDirectory, readIfThere, writeAtomically } from '../files.ts';
import { type CertificateNames, covers, factsOf } from './certificate.ts';
import { isAlias, type LineageFolder, lineageFolder, PARTS } from './lineage-folder.ts';
import { isToBeWritten, type RenewalConf, renderRenewalConf } from './renewal-conf.ts';

/** The settings that all lineages share. */
export type RenewalTerms = Pick<RenewalConf, 'account' | 'directoryUrl' | 'authenticator'>;

export interface WrittenConf {
  readonly path: string;
  /** The file existed but was empty, as certbot leaves it after a failure. */
  readonly wasEmpty: boolean;
}

// As certbot sets it.
const MODE = 0o644;
const DIRECTORY_MODE = 0o755;

/**
 * Writes the `renewal/<lineage>.conf` of a lineage for these names, unless it exists: files that
 * certbot or its user wrote are never changed. A lineage that certbot would call broken gets none,
 * because a broken one makes every `certbot renew` fail. Returns what was written. Throws what the
 * file system throws.
 */
export async function keepRenewalConf(
  volume: string,
  lineage: string,
  names: CertificateNames,
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

/**
 * The key type, if certbot can renew the lineage: it consists of links into its archive, and its
 * certificate is for these names.
 */
async function keyTypeOf(
  folder: LineageFolder,
  names: CertificateNames,
): Promise<RenewalConf['keyType'] | undefined> {
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
