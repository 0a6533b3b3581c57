import type { Fault } from './faults.ts';
import type { CertGroup } from './lists.ts';
import { type NameSettings, servedNames } from './served-names.ts';

/** What decides which names share a certificate. What was missing or could not be read is undefined. */
export interface CertificateSettings extends NameSettings {
  readonly acmeProfile?: string | undefined;
}

/** A certificate to have: its names, each once. The first gives it its name on the volume. */
export interface PlannedCertificate {
  readonly names: CertGroup;
}

export interface CertificatePlan {
  readonly certificates: readonly PlannedCertificate[];
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
}

/** The names that one certificate can have at Let's Encrypt, and with its profiles that allow fewer. */
const MOST_NAMES = 100;
const MOST_NAMES_OF: Readonly<Record<string, number>> = { tlsserver: 25, shortlived: 25 };

/**
 * Puts every served name on exactly one certificate: those of a group of CERT_GROUPS on one, ALIAS_DOMAIN on that of
 * DOMAIN, every other name on one of its own. The certificates are in the order in which their names are served, the names
 * of a group as it was written. A name that shares nothing has the same certificate whichever others there are. `known`
 * says which variables have a fault already. Pure.
 */
export function planCertificates(
  settings: CertificateSettings,
  known: (variable: string) => boolean,
): CertificatePlan {
  const groups = groupsOf(settings);
  const groupOf = new Map(groups.flatMap((group) => group.map((name) => [name, group] as const)));
  const shared = servedNames(settings).map(({ name }): CertGroup => groupOf.get(name) ?? [name]);
  const certificates = [...new Set(shared)].map((names) => ({ names }));
  return {
    certificates,
    faults: [
      ...aliasFaults(settings, known),
      ...certificates.flatMap((certificate) => tooMany(certificate, settings)),
    ],
    warnings: certificates.flatMap(redundant),
  };
}

/** CERT_GROUPS, with ALIAS_DOMAIN as one more group, or as part of the one that has DOMAIN or an alias already. */
function groupsOf({ domain, aliasDomains = [], certGroups = [] }: NameSettings): readonly CertGroup[] {
  if (domain === undefined || aliasDomains.length === 0) return certGroups;
  const own: CertGroup = [domain, ...aliasDomains];
  const home = certGroups.find((group) => own.some((name) => group.includes(name)));
  if (home === undefined) return [union(own, []), ...certGroups];
  // It is DOMAIN's certificate, unless the group says by itself which one that is.
  const merged = home.includes(domain) ? union(home, own) : union(own, home);
  return certGroups.map((group) => (group === home ? merged : group));
}

function union([first, ...others]: CertGroup, more: readonly string[]): CertGroup {
  return [first, ...new Set([...others, ...more].filter((name) => name !== first))];
}

function aliasFaults(
  { domain, aliasDomains = [], certGroups = [] }: NameSettings,
  known: (variable: string) => boolean,
): Fault[] {
  const variable = 'ALIAS_DOMAIN';
  if (domain === undefined) {
    if (aliasDomains.length === 0 || known('DOMAIN')) return [];
    const fix = 'Set DOMAIN to the name whose certificate these are added to, or name them in DOMAINS.';
    return [{ variable, problem: 'is set, but DOMAIN is not', fix }];
  }
  const grouped = [domain, ...aliasDomains].flatMap((name) => {
    const group = certGroups.find((candidate) => candidate.includes(name));
    return group ? [{ name, group }] : [];
  });
  const [first, ...others] = grouped;
  return others
    .filter(({ group }) => group !== first?.group)
    .map(({ name }) => ({
      variable,
      problem: `names ${name}, which CERT_GROUPS puts on another certificate than ${first?.name}`,
      fix: `Leave ${name} out of ALIAS_DOMAIN, or write it into the group that has ${first?.name}.`,
    }));
}

function tooMany(
  { names }: PlannedCertificate,
  { acmeProfile = '', certGroups = [] }: CertificateSettings,
): Fault[] {
  const special = MOST_NAMES_OF[acmeProfile];
  const most = special ?? MOST_NAMES;
  if (names.length <= most) return [];
  const isGroup = certGroups.some(([first]) => names.includes(first));
  const why = special === undefined ? '' : ` with ACME_PROFILE=${acmeProfile}`;
  return [
    {
      variable: isGroup ? 'CERT_GROUPS' : 'ALIAS_DOMAIN',
      problem: `puts ${names.length} names on one certificate, that of ${names[0]}; ${most} is the most${why}`,
      fix: isGroup
        ? `Make more groups of it, each of ${most} names at most.`
        : `Name ${most - 1} at most, and the others in DOMAINS.`,
    },
  ];
}

/** Not a fault, because a CA of one's own may take it. */
function redundant({ names }: PlannedCertificate): string[] {
  const all = new Set<string>(names);
  return names
    .map((name) => ({ name, wildcard: name.replace(/^[^.]*/, '*') }))
    .filter(({ name, wildcard }) => name !== wildcard && all.has(wildcard))
    .map(
      ({ name, wildcard }) =>
        `${name} and ${wildcard} are on one certificate, which Let's Encrypt refuses because one covers the other: take ${name} off it, and name it in DOMAINS`,
    );
}
