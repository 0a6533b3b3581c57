import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { baseName } from '../dns/name.ts';
import { type IngressError, isIngressError, messageOf } from '../errors.ts';
import { listIfThere } from '../files.ts';
import { orStoreFailed, whyUnwritable } from '../volume.ts';
import { type CertificateBundle, type Names, type Requirement, whyUnusable } from './certificate.ts';
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
 * The certificate volume in certbot's layout: `live/<lineage>/{cert,chain,fullchain,privkey}.pem` are links into
 * `archive/<lineage>/`, where every version stays as `cert1.pem`, `cert2.pem`, …  Other programs read `live/`.
 */
export interface CertificateStore {
  /**
   * The certificate to serve for the names, of all lineages of the first of them: of each the newest version that can be served, of these the
   * one that is valid longest. When none can be served, the best of what fits, so that decisions know it; undefined when
   * nothing is stored. What a crash left half linked is mended on the way. Throws STORE_FAILED, or CERTIFICATE_UNUSABLE
   * when there are files but no chain and key of them fit.
   */
  load(names: Names): Promise<CertificateBundle | undefined>;
  /** As `load`, and mends nothing. */
  peek(names: Names): Promise<CertificateBundle | undefined>;
  /**
   * Stores a new version in each lineage that others may read for the first name; they see the old one or the new one. Nothing
   * old is deleted, and saving the same again adds nothing. Throws STORE_FAILED.
   */
  save(names: Names, bundle: CertificateBundle): Promise<void>;
  /** What the lineages are called, the one that is served first. Throws STORE_FAILED. */
  lineages(names: Names): Promise<string[]>;
  /** STORE_FAILED when saving would fail for lack of rights, else undefined. Writes nothing. */
  whyUnwritable(names: Names): Promise<IngressError | undefined>;
}

export interface StoreOptions extends Pick<Requirement, 'noStaging'> {
  readonly clock: Clock;
  /** Gets, once each, why a file of a lineage cannot be read although the lineage can be served. */
  readonly warn?: (message: string) => void;
}

export function createCertificateStore(root: string, options: StoreOptions): CertificateStore {
  const { noStaging, clock, warn = () => undefined } = options;
  const warned = new Set<string>();
  const warnOnce = (message: string) => {
    if (!warned.has(message)) warn(message);
    warned.add(message);
  };
  const pathOf = ([first]: Names) => join(root, 'live', baseName(first));
  const guardedFor = <T>(verb: string, names: Names, work: (goal: Goal) => Promise<T>) =>
    orStoreFailed(`cannot ${verb} ${pathOf(names)}`, pathOf(names), () =>
      work({ root, requirement: { names, noStaging }, now: clock.now() }),
    );
  return {
    load: (names) => guardedFor('read', names, (goal) => load(goal, warnOnce)),
    peek: (names) => guardedFor('read', names, async (goal) => (await look(goal))?.best),
    save: (names, bundle) => guardedFor('write', names, (goal) => save(goal, bundle)),
    lineages: (names) =>
      guardedFor('read', names, async (goal) => {
        const found = await readLineages(goal);
        const served = chooseLineage(goal, found);
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

/** What a call of the store is about. */
interface Goal {
  readonly root: string;
  readonly requirement: Requirement;
  readonly now: Date;
}

/** A lineage as it was found. */
interface Lineage {
  readonly folder: LineageFolder;
  /** The pair that its links lead to. */
  readonly linked: CertificateBundle | undefined;
  /** The pair that would be served of it. */
  readonly best: CertificateBundle | undefined;
  /** The version of `best` when the links are still to be moved there. */
  readonly unlinked: number | undefined;
  /** Why it could not be read, or why nothing in it fits. */
  readonly failure: unknown;
}

async function load(goal: Goal, warn: (message: string) => void): Promise<CertificateBundle | undefined> {
  const chosen = await look(goal);
  if (chosen?.failure !== undefined && !isIngressError(chosen.failure))
    warn(
      `a file of the certificate in ${chosen.folder.live} cannot be read, and another version is used: ${messageOf(chosen.failure)}`,
    );
  // A volume that cannot be written still serves.
  if (chosen?.unlinked !== undefined) await mendLinks(chosen.folder, chosen.unlinked).catch(() => undefined);
  return chosen?.best;
}

async function look(goal: Goal): Promise<Lineage | undefined> {
  const found = await readLineages(goal);
  const chosen = chooseLineage(goal, found);
  const isUsable =
    chosen !== undefined && whyUnusable(chosen.facts, goal.requirement, goal.now) === undefined;
  const failures = found.flatMap(({ failure }) => failure ?? []);
  // What could not be read may be what would be served: no reason to order another.
  const unread = failures.find((failure) => !isIngressError(failure));
  if (!isUsable && unread !== undefined) throw unread;
  if (chosen === undefined && failures.length > 0) throw failures[0];
  return chosen;
}

async function save(goal: Goal, bundle: CertificateBundle): Promise<void> {
  const found = await readLineages(goal);
  const states = found.map(({ folder, linked, best }) => ({
    name: folder.name,
    shown: (linked ?? best)?.facts,
    best: best?.facts,
  }));
  const names = lineagesToSave(baseName(goal.requirement.names[0]), states, goal.requirement, goal.now);
  const results: PromiseSettledResult<void>[] = [];
  // One after the other: the names may be aliases.
  for (const name of names) {
    const folder = lineageFolder(goal.root, name);
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

function chooseLineage({ requirement, now }: Goal, found: readonly Lineage[]) {
  const candidates = found.flatMap((lineage) =>
    lineage.best ? [{ ...lineage, facts: lineage.best.facts }] : [],
  );
  return chooseServed(candidates, requirement, now);
}

async function readLineages(goal: Goal): Promise<Lineage[]> {
  const names = await findNames(goal.root, goal.requirement.names);
  return Promise.all(names.map((name) => readLineage(goal, lineageFolder(goal.root, name))));
}

async function findNames(root: string, [first]: Names): Promise<string[]> {
  const entries = await Promise.all(['live', 'archive'].map((part) => listIfThere(join(root, part))));
  return lineageNames(entries.flat(), baseName(first));
}

/**
 * What can be read of a lineage. A file that cannot be read hides no version but its own; of the failures one of the file system is kept
 * before one of the content.
 */
async function readLineage({ requirement, now }: Goal, folder: LineageFolder): Promise<Lineage> {
  const failures: unknown[] = [];
  const noting = (failure: unknown) => void failures.push(failure);
  const linked = await readLinked(folder, now).catch(noting);
  const isWanted = ({ facts }: CertificateBundle) => whyUnusable(facts, requirement, now) === undefined;
  const archived = await findArchived(folder, isWanted, now, noting).catch(noting);
  const failure = failures.find((one) => !isIngressError(one)) ?? failures[0];
  if (!archived || !preferArchived(linked?.facts, archived.pair.facts, requirement, now))
    return { folder, linked, best: linked, unlinked: undefined, failure };
  const { version, pair } = archived;
  // Links to what cannot be read now may be good.
  const isUnread = failure !== undefined && !isIngressError(failure);
  const isNewer = !isUnread && (linked === undefined || pair.facts.notBefore > linked.facts.notBefore);
  return { folder, linked, best: pair, unlinked: isNewer ? version : undefined, failure };
}
