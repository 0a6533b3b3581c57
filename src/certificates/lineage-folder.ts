import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '../config/secret.ts';
import { isIngressError } from '../errors.ts';
import {
  kindOf,
  linkAtomically,
  listIfThere,
  makeDirectory,
  readIfThere,
  syncDirectory,
  writeAtomically,
} from '../files.ts';
import { type CertificateBundle, readBundle, splitChain } from './certificate.ts';

/**
 * The folders of a lineage on the volume: links in `live/<name>/`, every version in
 * `archive/<name>/`.
 */
export interface LineageFolder {
  readonly name: string;
  readonly live: string;
  readonly archive: string;
}

/** A version in the archive whose chain and key match. */
export interface ArchivedPair {
  readonly version: number;
  readonly pair: CertificateBundle;
}

/** The files of each version. */
export const PARTS = ['privkey', 'cert', 'chain', 'fullchain'] as const;
type Part = (typeof PARTS)[number];
type Texts = ReadonlyMap<Part, string>;

const KEY_MODE = 0o600;
const PUBLIC_MODE = 0o644;
// As certbot sets it.
const DIRECTORY_MODE = 0o700;

export function lineageFolder(root: string, name: string): LineageFolder {
  return { name, live: join(root, 'live', name), archive: join(root, 'archive', name) };
}

/**
 * Whether the lineage's folder in `live/` is a link. Operators create one to give a numbered
 * lineage the plain name.
 */
export async function isAlias({ live }: LineageFolder): Promise<boolean> {
  return (await kindOf(live)) === 'link';
}

/**
 * Reads the pair that the links in `live/` point to; undefined if there is none. Throws
 * CERTIFICATE_UNUSABLE if the files do not match, and what the file system throws.
 */
export function readLinked({ live }: LineageFolder, now: Date): Promise<CertificateBundle | undefined> {
  return readPair(join(live, 'fullchain.pem'), join(live, 'privkey.pem'), now);
}

/**
 * Finds the newest version whose chain and key match and that `isWanted` accepts, else the newest
 * whose chain and key match. Skips a version that cannot be read: `onFailure` gets what the file
 * system threw.
 */
export async function findArchived(
  { archive }: LineageFolder,
  isWanted: (pair: CertificateBundle) => boolean,
  now: Date,
  onFailure: (thrown: unknown) => void,
): Promise<ArchivedPair | undefined> {
  let newest: ArchivedPair | undefined;
  for (const version of (await versions(archive)).reverse()) {
    const paths = [`fullchain${version}.pem`, `privkey${version}.pem`] as const;
    const pair = await readPair(join(archive, paths[0]), join(archive, paths[1]), now).catch(
      (thrown: unknown) => void (isIngressError(thrown) || onFailure(thrown)),
    );
    if (!pair) continue;
    if (isWanted(pair)) return { version, pair };
    newest ??= { version, pair };
  }
  return newest;
}

/**
 * Stores a pair as the newest version, and moves the links to it. First copies plain files in
 * `live/` to the archive.
 */
export async function saveVersion(folder: LineageFolder, bundle: CertificateBundle): Promise<void> {
  await makeDirectory(folder.archive, DIRECTORY_MODE);
  await makeDirectory(folder.live, DIRECTORY_MODE);
  await keepCopies(folder);
  const [leaf = '', ...issuers] = splitChain(bundle.chainPem);
  const texts = new Map<Part, string>([
    ['privkey', bundle.keyPem.reveal()],
    ['cert', leaf],
    ['chain', issuers.join('')],
    ['fullchain', bundle.chainPem],
  ]);
  await moveLinks(folder, await writeVersion(folder.archive, texts));
}

/** Moves the links to a version, unless that would lose files that the archive does not have. */
export async function mendLinks(folder: LineageFolder, version: number): Promise<void> {
  if ((await unarchivedCopies(folder)).size === 0) await moveLinks(folder, version);
}

async function moveLinks({ name, live }: LineageFolder, version: number): Promise<void> {
  await makeDirectory(live, DIRECTORY_MODE);
  for (const part of PARTS) {
    await linkAtomically(
      join('..', '..', 'archive', name, `${part}${version}.pem`),
      join(live, `${part}.pem`),
    );
  }
  await syncDirectory(live);
}

/**
 * Backups that follow links restore copies in place of the links. Moving the links must not lose
 * these copies.
 */
async function keepCopies(folder: LineageFolder): Promise<void> {
  const copies = await unarchivedCopies(folder);
  if (copies.size > 0) await writeVersion(folder.archive, copies);
}

/** The plain files in `live/`, unless one version in the archive has the same content. */
async function unarchivedCopies({ live, archive }: LineageFolder): Promise<Texts> {
  const copies = new Map<Part, string>();
  for (const part of PARTS) {
    const path = join(live, `${part}.pem`);
    const text = (await kindOf(path)) === 'file' ? await readIfThere(path) : undefined;
    if (text !== undefined) copies.set(part, text);
  }
  for (const version of copies.size > 0 ? await versions(archive) : []) {
    const archived = [...copies].map(async ([part, text]) => {
      return text === (await readIfThere(join(archive, `${part}${version}.pem`)));
    });
    if ((await Promise.all(archived)).every(Boolean)) return new Map();
  }
  return copies;
}

/** Writes the files of a new version, all or none, and returns its number. */
async function writeVersion(archive: string, texts: Texts): Promise<number> {
  const version = ((await versions(archive)).at(-1) ?? 0) + 1;
  const path = (part: Part) => join(archive, `${part}${version}.pem`);
  try {
    for (const [part, text] of texts) {
      await writeAtomically(path(part), text, part === 'privkey' ? KEY_MODE : PUBLIC_MODE);
    }
  } catch (thrown) {
    await Promise.allSettled([...texts.keys()].map((part) => rm(path(part), { force: true })));
    throw thrown;
  }
  return version;
}

async function readPair(
  chainPath: string,
  keyPath: string,
  now: Date,
): Promise<CertificateBundle | undefined> {
  const [chain, key] = await Promise.all([readIfThere(chainPath), readIfThere(keyPath)]);
  return chain === undefined || key === undefined ? undefined : readBundle(chain, new Secret(key), now);
}

/** The version numbers in an archive, lowest first. */
async function versions(archive: string): Promise<number[]> {
  const numbers = (await listIfThere(archive))
    .flatMap((file) => /^(?:privkey|fullchain|cert|chain)(\d+)\.pem$/.exec(file)?.[1] ?? [])
    .map(Number);
  return [...new Set(numbers)].sort((a, b) => a - b);
}
