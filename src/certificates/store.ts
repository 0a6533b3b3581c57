import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { baseName } from '../dns/name.ts';
import { type IngressError, isIngressError, messageOf } from '../errors.ts';
import { listIfThere } from '../files.ts';
import { orStoreFailed, whyUnwritable } from '../volume.ts';
import { warnOnce } from '../warnings.ts';
import {
  type CertificateBundle,
  type CertificateNames,
  type Requirement,
  whyUnusable,
} from './certificate.ts';
import { chooseServed, lineageNames, lineagesToSave, preferArchived } from './lineage.ts';
import {
  findArchived,
  isAlias,
  type LineageFolder,
  lineageFolder,
  mendLinks,
  readLinked,
  saveVersion,
} from './lineage-folder.ts';

/**
 * The certificate volume in certbot's layout: `live/<lineage>/{cert,chain,fullchain,privkey}.pem`
 * are links into `archive/<lineage>/`, which keeps every version as `cert1.pem`, `cert2.pem`, …
 * Other programs read `live/`.
 */
export interface CertificateStore {
  /**
   * Loads the certificate to serve for the names from all lineages of the first name. Takes the
   * newest version of each lineage that can be served, and of these the one with the latest end. If
   * none can be served, returns the best of the others for the renewal decision; undefined if
   * nothing is stored. Repairs the links after a crash. Throws STORE_FAILED, or
   * CERTIFICATE_UNUSABLE if there are files but no matching chain and key.
   */
  load(names: CertificateNames): Promise<CertificateBundle | undefined>;
  /** As `load`, but repairs nothing. */
  peek(names: CertificateNames): Promise<CertificateBundle | undefined>;
  /**
   * Stores a new version in each lineage of the first name that other programs may read; they see
   * either the old or the new version. Deletes no old version; saving the same certificate again
   * adds none. Throws STORE_FAILED.
   */
  save(names: CertificateNames, bundle: CertificateBundle): Promise<void>;
  /** The names of the lineages, the served one first. Throws STORE_FAILED. */
  lineages(names: CertificateNames): Promise<string[]>;
  /** STORE_FAILED if saving would fail for lack of permission, else undefined. Writes nothing. */
  whyUnwritable(names: CertificateNames): Promise<IngressError | undefined>;
}

export interface StoreOptions extends Pick<Requirement, 'noStaging'> {
  readonly clock: Clock;
  /** Called once for each file that cannot be read in a lineage that can still be served. */
  readonly warn?: (message: string) => void;
}

export function createCertificateStore(root: string, options: StoreOptions): CertificateStore {
  const { noStaging, clock } = options;
  const warn = warnOnce(options.warn ?? (() => undefined));
  const pathOf = ([first]: CertificateNames) => join(root, 'live', baseName(first));
  const guardedFor = <T>(verb: string, names: CertificateNames, work: (query: Query) => Promise<T>) =>
    orStoreFailed(`cannot ${verb} ${pathOf(names)}`, pathOf(names), () =>
      work({ root, requirement: { names, noStaging }, now: clock.now() }),
    );
  return {
    load: (names) => guardedFor('read', names, (query) => load(query, warn)),
    peek: (names) => guardedFor('read', names, async (query) => (await choose(query))?.best),
    save: (names, bundle) => guardedFor('write', names, (query) => save(query, bundle)),
    lineages: (names) =>
      guardedFor('read', names, async (query) => {
        const found = await readLineages(query);
        const served = chooseLineage(query, found);
        const others = found.filter((lineage) => lineage.folder !== served?.folder);
        return [...(served ? [served] : []), ...others].map(({ folder }) => folder.name);
      }),
    whyUnwritable: async (names) => {
      const found = await findNames(root, names).catch(() => []);
      const folders = [...new Set([baseName(names[0]), ...found])].map((name) => lineageFolder(root, name));
      return whyUnwritable(folders.flatMap(({ live, archive }) => [live, archive]));
    },
  };
}

/** The parameters of a call. */
interface Query {
  readonly root: string;
  readonly requirement: Requirement;
  readonly now: Date;
}

/** A lineage as read from the volume. */
interface Lineage {
  readonly folder: LineageFolder;
  /** The pair that its links point to. */
  readonly linked: CertificateBundle | undefined;
  /** The pair that would be served. */
  readonly best: CertificateBundle | undefined;
  /** The version of `best` if the links have to be moved to it. */
  readonly unlinked: number | undefined;
  /** Why it could not be read, or why no version matches. */
  readonly failure: unknown;
}

async function load(query: Query, warn: (message: string) => void): Promise<CertificateBundle | undefined> {
  const chosen = await choose(query);
  if (chosen?.failure !== undefined && !isIngressError(chosen.failure))
    warn(
      `a file of the certificate in ${chosen.folder.live} cannot be read; serving another version: ${messageOf(chosen.failure)}`,
    );
  // Best effort: a certificate on a read-only volume is served, too.
  if (chosen?.unlinked !== undefined) await mendLinks(chosen.folder, chosen.unlinked).catch(() => undefined);
  return chosen?.best;
}

async function choose(query: Query): Promise<Lineage | undefined> {
  const found = await readLineages(query);
  const chosen = chooseLineage(query, found);
  const isUsable =
    chosen !== undefined && whyUnusable(chosen.facts, query.requirement, query.now) === undefined;
  const failures = found.flatMap(({ failure }) => failure ?? []);
  // The unreadable version may be the one to serve, so throw rather than order another certificate.
  const unread = failures.find((failure) => !isIngressError(failure));
  if (!isUsable && unread !== undefined) throw unread;
  if (chosen === undefined && failures.length > 0) throw failures[0];
  return chosen;
}

async function save(query: Query, bundle: CertificateBundle): Promise<void> {
  const found = await readLineages(query);
  const states = found.map(({ folder, linked, best }) => ({
    name: folder.name,
    shown: (linked ?? best)?.facts,
    best: best?.facts,
  }));
  const names = lineagesToSave(baseName(query.requirement.names[0]), states, query.requirement, query.now);
  const results: PromiseSettledResult<void>[] = [];
  // Sequential, because the names may be aliases of each other.
  for (const name of names) {
    const folder = lineageFolder(query.root, name);
    if (names.length > 1 && (await isAlias(folder))) continue;
    const lineage = found.find((candidate) => candidate.folder.name === name);
    results.push(...(await Promise.allSettled([saveInto(folder, lineage, bundle)])));
  }
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

async function saveInto(folder: LineageFolder, lineage: Lineage | undefined, bundle: CertificateBundle) {
  const isSame = (pair: CertificateBundle | undefined) =>
    pair?.facts.fingerprint256 === bundle.facts.fingerprint256;
  if (isSame(lineage?.linked)) return;
  if (isSame(lineage?.best) && lineage?.unlinked !== undefined) await mendLinks(folder, lineage.unlinked);
  else await saveVersion(folder, bundle);
}

function chooseLineage({ requirement, now }: Query, found: readonly Lineage[]) {
  const candidates = found.flatMap((lineage) =>
    lineage.best ? [{ ...lineage, facts: lineage.best.facts }] : [],
  );
  return chooseServed(candidates, requirement, now);
}

async function readLineages(query: Query): Promise<Lineage[]> {
  const names = await findNames(query.root, query.requirement.names);
  return Promise.all(names.map((name) => readLineage(query, lineageFolder(query.root, name))));
}

async function findNames(root: string, [first]: CertificateNames): Promise<string[]> {
  const entries = await Promise.all(['live', 'archive'].map((part) => listIfThere(join(root, part))));
  return lineageNames(entries.flat(), baseName(first));
}

/**
 * Reads a lineage. A file that cannot be read hides only its own version. Of several failures, one
 * of the file system takes precedence over one of the content.
 */
async function readLineage({ requirement, now }: Query, folder: LineageFolder): Promise<Lineage> {
  const failures: unknown[] = [];
  const note = (failure: unknown) => void failures.push(failure);
  const linked = await readLinked(folder, now).catch(note);
  const isWanted = ({ facts }: CertificateBundle) => whyUnusable(facts, requirement, now) === undefined;
  const archived = await findArchived(folder, isWanted, now, note).catch(note);
  const failure = failures.find((one) => !isIngressError(one)) ?? failures[0];
  if (!archived || !preferArchived(linked?.facts, archived.pair.facts, requirement, now))
    return { folder, linked, best: linked, unlinked: undefined, failure };
  const { version, pair } = archived;
  // Links to files that cannot be read now may be correct.
  const isUnread = failure !== undefined && !isIngressError(failure);
  const isNewer = !isUnread && (linked === undefined || pair.facts.notBefore > linked.facts.notBefore);
  return { folder, linked, best: pair, unlinked: isNewer ? version : undefined, failure };
}
