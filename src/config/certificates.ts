import type { Fault } from './faults.ts';
import type { CertGroup } from './lists.ts';
import { type NameSettings, servedNames } from './served-names.ts';
import type { ConfigWarning } from './warnings.ts';

/**
 * The settings that determine which names share a certificate. Missing or faulty ones are
 * undefined.
 */
export interface CertificateSettings extends NameSettings {
  readonly acmeProfile?: string | undefined;
}

/** A certificate to obtain: its names, each once. On the volume it is named after the first. */
export interface PlannedCertificate {
  readonly names: CertGroup;
}

/** The certificates, with the faults and warnings of their settings. */
export interface CertificatePlan {
  readonly certificates: readonly PlannedCertificate[];
  readonly faults: readonly Fault[];
  readonly warnings: readonly ConfigWarning[];
}

/** The most names on one certificate at Let's Encrypt, and with its profiles that allow fewer. */
const MOST_NAMES = 100;
const MOST_NAMES_OF: Readonly<Record<string, number>> = { tlsserver: 25, shortlived: 25 };

/**
 * Puts every served name on exactly one certificate: a group of CERT_GROUPS on one, ALIAS_DOMAIN on
 * that of DOMAIN, every other name on its own. Certificates are in the order of their served names,
 * the names of a group in the order written. A name on its own keeps its certificate whatever other
 * names there are. `known` returns whether a variable already has a fault. Pure.
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
    warnings: certificates.flatMap((certificate) => redundant(certificate, settings)),
  };
}

/**
 * CERT_GROUPS, with DOMAIN and ALIAS_DOMAIN as another group, or merged into the group that has one
 * of them.
 */
function groupsOf({ domain, aliasDomains = [], certGroups = [] }: NameSettings): readonly CertGroup[] {
  if (domain === undefined || aliasDomains.length === 0) return certGroups;
  const own: CertGroup = [domain, ...aliasDomains];
  const home = certGroups.find((group) => own.some((name) => group.includes(name)));
  if (home === undefined) return [union(own, []), ...certGroups];
  // The certificate is named after DOMAIN, unless the group contains DOMAIN; then its own order
  // decides.
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
    const fix = 'Set DOMAIN to the name whose certificate these are added to, or move them to DOMAINS.';
    return [{ variable, kind: 'incomplete', problem: 'is set, but DOMAIN is not', fix }];
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
      kind: 'conflicting',
      details: { name, other: first?.name },
      problem: `contains ${name}, but CERT_GROUPS puts it on a different certificate than ${first?.name}`,
      fix: `Remove ${name} from ALIAS_DOMAIN, or move it to the group that has ${first?.name}.`,
    }));
}

function tooMany(
  { names }: PlannedCertificate,
  { acmeProfile = '', certGroups = [] }: CertificateSettings,
): Fault[] {
  const special = MOST_NAMES_OF[acmeProfile];
  const most = special ?? MOST_NAMES;
  if (names.length <= most) return [];
  const variable = sharedBy(names, certGroups);
  const isGroup = variable === 'CERT_GROUPS';
  const why = special === undefined ? '' : ` with ACME_PROFILE=${acmeProfile}`;
  return [
    {
      variable,
      kind: 'too-many',
      details: { certificate: names[0], count: names.length, most },
      problem: `puts ${names.length} names on the certificate of ${names[0]}; the maximum is ${most}${why}`,
      fix: isGroup
        ? `Split it into groups of at most ${most} names.`
        : `Keep at most ${most - 1} names, and move the others to DOMAINS.`,
    },
  ];
}

/** The variable that puts several names on one certificate. */
function sharedBy(names: CertGroup, certGroups: readonly CertGroup[]): 'CERT_GROUPS' | 'ALIAS_DOMAIN' {
  return certGroups.some(([first]) => names.includes(first)) ? 'CERT_GROUPS' : 'ALIAS_DOMAIN';
}

/**
 * Warns about names that a wildcard on the same certificate covers. A private CA may accept them,
 * so this is not a fault.
 */
function redundant({ names }: PlannedCertificate, { certGroups = [] }: CertificateSettings): ConfigWarning[] {
  const variable = sharedBy(names, certGroups);
  const all = new Set<string>(names);
  return names
    .map((name) => ({ name, wildcard: name.replace(/^[^.]*/, '*') }))
    .filter(({ name, wildcard }) => name !== wildcard && all.has(wildcard))
    .map(({ name, wildcard }) => ({ kind: 'covered-name', variable, name, wildcard }));
}
