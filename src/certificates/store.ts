import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '../config/secret.ts';
import { baseName } from '../dns/names.ts';
import { IngressError, messageOf } from '../errors.ts';
import {
  isMissing,
  linkAtomically,
  makeDirectory,
  readIfThere,
  syncDirectory,
  writeAtomically,
} from '../files.ts';
import { type CertificateBundle, readBundle, splitChain } from './certificate.ts';

/**
 * The certificate volume in certbot's layout: `live/<name>/{cert,chain,fullchain,privkey}.pem` are links into
 * `archive/<name>/`, where every version stays as `cert1.pem`, `cert2.pem`, …  Other programs read `live/`.
 */
export interface CertificateStore {
  /**
   * The newest chain and key that fit each other, or undefined when nothing is stored. What a crash left half linked
   * is mended on the way. Throws STORE_FAILED, or CERTIFICATE_UNUSABLE when there are files but no pair of them fits.
   */
  load(domain: string): Promise<CertificateBundle | undefined>;
  /** Stores a new version; readers of `live/` see the old one or the new one. Throws STORE_FAILED. */
  save(domain: string, bundle: CertificateBundle): Promise<void>;
}

const PARTS = ['privkey', 'cert', 'chain', 'fullchain'] as const;
const KEY_MODE = 0o600;
const PUBLIC_MODE = 0o644;
// As certbot makes them.
const DIRECTORY_MODE = 0o700;

export function createCertificateStore(root: string): CertificateStore {
  const live = (domain: string) => join(root, 'live', baseName(domain));
  const archive = (domain: string) => join(root, 'archive', baseName(domain));
  return {
    load: (domain) =>
      guarded('read', live(domain), () => load(live(domain), archive(domain), baseName(domain))),
    save: (domain, bundle) =>
      guarded('write', live(domain), () => save(live(domain), archive(domain), baseName(domain), bundle)),
  };
}

async function load(live: string, archive: string, lineage: string): Promise<CertificateBundle | undefined> {
  const linked = await readPair(join(live, 'fullchain.pem'), join(live, 'privkey.pem'));
  const newest = await newestInArchive(archive);
  if (newest && (!isBundle(linked) || newest.pair.facts.notBefore > linked.facts.notBefore)) {
    // A crash came between the files and the links. A volume that cannot be written still serves.
    await link(live, lineage, newest.version).catch(() => undefined);
    return newest.pair;
  }
  if (linked instanceof IngressError) throw linked;
  return linked;
}

async function newestInArchive(archive: string) {
  for (const version of (await versions(archive)).reverse()) {
    const pair = await readPair(
      join(archive, `fullchain${version}.pem`),
      join(archive, `privkey${version}.pem`),
    );
    if (isBundle(pair)) return { version, pair };
  }
  return undefined;
}

function isBundle(pair: CertificateBundle | IngressError | undefined): pair is CertificateBundle {
  return pair !== undefined && !(pair instanceof IngressError);
}

async function readPair(
  chainPath: string,
  keyPath: string,
): Promise<CertificateBundle | IngressError | undefined> {
  const [chain, key] = await Promise.all([readIfThere(chainPath), readIfThere(keyPath)]);
  if (chain === undefined || key === undefined) return undefined;
  try {
    return readBundle(chain, new Secret(key));
  } catch (thrown) {
    if (thrown instanceof IngressError) return thrown;
    throw thrown;
  }
}

async function save(
  live: string,
  archive: string,
  lineage: string,
  bundle: CertificateBundle,
): Promise<void> {
  await makeDirectory(archive, DIRECTORY_MODE);
  await makeDirectory(live, DIRECTORY_MODE);
  const [leaf = '', ...issuers] = splitChain(bundle.chainPem);
  const contents = {
    privkey: bundle.keyPem.reveal(),
    cert: leaf,
    chain: issuers.join(''),
    fullchain: bundle.chainPem,
  };
  const version = ((await versions(archive)).at(-1) ?? 0) + 1;
  const path = (part: (typeof PARTS)[number]) => join(archive, `${part}${version}.pem`);
  try {
    for (const part of PARTS) {
      await writeAtomically(path(part), contents[part], part === 'privkey' ? KEY_MODE : PUBLIC_MODE);
    }
  } catch (thrown) {
    await Promise.allSettled(PARTS.map((part) => rm(path(part), { force: true })));
    throw thrown;
  }
  await link(live, lineage, version);
}

async function link(live: string, lineage: string, version: number): Promise<void> {
  await makeDirectory(live, DIRECTORY_MODE);
  for (const part of PARTS) {
    await linkAtomically(
      join('..', '..', 'archive', lineage, `${part}${version}.pem`),
      join(live, `${part}.pem`),
    );
  }
  await syncDirectory(live);
}

/** Numbers of the versions in an archive, lowest first. */
async function versions(archive: string): Promise<number[]> {
  try {
    const files = await readdir(archive);
    const numbers = files
      .flatMap((file) => /^(?:privkey|fullchain|cert|chain)(\d+)\.pem$/.exec(file)?.[1] ?? [])
      .map(Number);
    return [...new Set(numbers)].sort((a, b) => a - b);
  } catch (thrown) {
    if (isMissing(thrown)) return [];
    throw thrown;
  }
}

async function guarded<T>(verb: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof IngressError) throw thrown;
    throw new IngressError('STORE_FAILED', `cannot ${verb} ${path}: ${messageOf(thrown)}`, { cause: thrown });
  }
}
