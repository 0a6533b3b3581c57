import { challengeName } from '../dns/name.ts';
import { appAddressName } from '../records/app-address.ts';
import { type Authorities, chooseAuthorities } from './authorities.ts';
import { type PlannedCertificate, planCertificates } from './certificates.ts';
import { chooseProvider, type ProviderChoice } from './choose-provider.ts';
import { ConfigError, type Fault } from './faults.ts';
import { proxyWarnings } from './https-proxy.ts';
import { withoutEffect } from './ignored-variables.ts';
import { explainMissing, findMisspellings, type Misspelling } from './misspelt.ts';
import { ignoredVariables, unsupported, unsupportedFaults } from './older-variables.ts';
import { type Environment, type ReadFile, readTable } from './read.ts';
import { planRoutes, type Route } from './routes.ts';
import { servedNames } from './served-names.ts';
import type { Settings, VariableTable } from './variable.ts';
import { type IngressSettings, variables } from './variables.ts';
import type { ConfigWarning } from './warnings.ts';

export { LETS_ENCRYPT } from './authorities.ts';

/**
 * The whole configuration: the value of every variable, and what is derived from several of them.
 */
export interface Config<P extends ProviderChoice> extends IngressSettings {
  /** Every name to serve, once; there is at least one. */
  readonly names: readonly string[];
  /** The target of each name, in the order of the names. */
  readonly routes: readonly Route[];
  /** The certificates to obtain: every name is on exactly one. */
  readonly certificates: readonly PlannedCertificate[];
  /** How TLS targets are verified. */
  readonly appTls: { readonly verify: boolean; readonly caFile?: string };
  readonly gatewayDomain: string;
  /** The certificate authorities: primary, fallback, and staging for dry runs. */
  readonly authorities: Authorities;
  /** The directory of the primary authority. */
  readonly directoryUrl: string;
  /** Whether the primary authority is the staging environment, whatever ACME_STAGING is. */
  readonly usesStaging: boolean;
  /** Seconds between two reconciliations of everything, from 60 to 43200. */
  readonly renewInterval: number;
  readonly provider: P;
  readonly providerSettings: Settings<VariableTable>;
  /** Things that the operator should know. */
  readonly warnings: readonly ConfigWarning[];
}

/**
 * Reads the environment once. Throws ConfigError with every fault; writes and starts nothing.
 * `inspect` adds faults that depend on the machine; it gets the values that could be read.
 */
export function loadConfig<P extends ProviderChoice>(
  environment: Environment,
  readFile: ReadFile,
  providers: readonly P[],
  inspect: (settings: Partial<IngressSettings>) => readonly Fault[] = () => [],
): Config<P> {
  const main = readTable(variables, environment, readFile);
  const settings = main.values;
  const provider = chooseProvider(settings.dnsProvider, environment, providers);
  const own = 'problem' in provider ? undefined : readTable(provider.variables, environment, readFile);
  const gatewayDomain = settings.gatewayDomain ?? defaultGateway(settings);
  const faults = [...main.faults, ...('problem' in provider ? [provider] : []), ...(own?.faults ?? [])];
  const known = (variable: string) => faults.some((fault) => fault.variable === variable);
  const isSet = (variable: string) => Boolean(environment[variable]?.trim());
  const derived = derive(settings, known, isSet);
  const misspellings = findMisspellings(setIn(environment), namesOf(providers));
  const wrong = [
    ...unsupportedFaults(environment, misspellings),
    ...faults,
    ...derived.faults,
    ...crossFaults(settings, gatewayDomain, known),
    ...inspect(settings),
  ].map((fault) => explainMissing(fault, environment, misspellings));
  const warnings = [
    ...main.warnings,
    ...(own?.warnings ?? []),
    ...derived.warnings,
    ...proxyWarnings(settings, environment),
    ...ignoredVariables(environment),
    ...unreportedMisspellings(misspellings, wrong),
  ];
  if (wrong.length > 0 || 'problem' in provider || !own || gatewayDomain === undefined)
    throw new ConfigError(wrong, warnings);
  return {
    ...settings,
    ...derived.values,
    gatewayDomain,
    provider,
    providerSettings: own.values,
    warnings,
  };
}

/** Derives values from several variables, with the faults and warnings of their combination. */
function derive(
  settings: IngressSettings,
  known: (variable: string) => boolean,
  isSet: (variable: string) => boolean,
) {
  const { targetTlsVerify: verify, targetCaFile: caFile } = settings;
  const routing = planRoutes(settings, known, isSet);
  const plan = planCertificates(settings, known);
  const { authorities, usesStaging, ...choice } = chooseAuthorities(settings, known, isSet);
  const interval = boundInterval(settings.renewInterval);
  return {
    values: {
      names: routing.routes.map(({ name }) => name),
      routes: routing.routes,
      certificates: plan.certificates,
      appTls: { verify, ...(caFile === undefined ? {} : { caFile }) },
      authorities,
      directoryUrl: authorities.primary.directoryUrl,
      usesStaging,
      renewInterval: interval.seconds,
    },
    faults: [...routing.faults, ...plan.faults, ...choice.faults],
    warnings: [...routing.warnings, ...plan.warnings, ...choice.warnings, ...interval.warnings],
  };
}

function defaultGateway({ dstackGatewayDomain }: IngressSettings): string | undefined {
  return dstackGatewayDomain === undefined ? undefined : `_.${dstackGatewayDomain}`;
}

function crossFaults(
  settings: IngressSettings,
  gatewayDomain: string | undefined,
  known: (variable: string) => boolean,
): Fault[] {
  const { runtimeDir } = settings;
  const found: Fault[] = [];
  if (gatewayDomain === undefined && !known('GATEWAY_DOMAIN') && !known('DSTACK_GATEWAY_DOMAIN')) {
    const { name, fix } = variables.gatewayDomain;
    const problem = 'is not set, and neither is DSTACK_GATEWAY_DOMAIN';
    found.push({ variable: name, kind: 'missing', problem, fix, missing: [name, 'DSTACK_GATEWAY_DOMAIN'] });
  }
  found.push(...tooLong(settings));
  // sun_path holds 108 bytes, which include the file name of the socket.
  if (runtimeDir !== undefined && runtimeDir.length > 80) {
    const problem = 'is too long for a Unix socket in it';
    found.push({ variable: 'RUNTIME_DIR', kind: 'too-long', problem, fix: variables.runtimeDir.fix });
  }
  return found;
}

function tooLong(settings: IngressSettings): Fault[] {
  const { txtPrefix } = settings;
  if (txtPrefix === undefined) return [];
  return servedNames(settings)
    .filter(({ name }) =>
      [appAddressName(name, txtPrefix), challengeName(name)].some((longest) => longest.length > 253),
    )
    .map(({ name, variable }) => {
      const which = variable === 'DOMAIN' ? 'is' : `contains ${name}, which is`;
      const problem = `${which} too long: with the labels put in front of it, it exceeds the 253 characters of a domain name`;
      return { variable, kind: 'too-long', problem, details: { name }, fix: 'Choose a shorter name.' };
    });
}

function setIn(environment: Environment): string[] {
  return Object.keys(environment).filter((name) => environment[name]?.trim());
}

/** Every known variable, including those without effect. */
function namesOf(providers: readonly ProviderChoice[]): string[] {
  const rows = [variables, ...providers.map((provider) => provider.variables)].flatMap(
    (table: VariableTable) => Object.values(table),
  );
  const read = rows.flatMap(({ name, aliases = [], secret }) =>
    [name, ...aliases].flatMap((one) => (secret ? [one, `${one}_FILE`] : [one])),
  );
  return [...read, ...Object.keys(unsupported), ...Object.keys(withoutEffect)];
}

/** Warnings about misspellings that no fault mentions. */
function unreportedMisspellings(
  misspellings: readonly Misspelling[],
  faults: readonly Fault[],
): ConfigWarning[] {
  return misspellings
    .filter(
      ({ written, meant }) =>
        !faults.some(({ variable, missing }) => variable === written || missing?.includes(meant)),
    )
    .map(({ written, meant }) => ({ kind: 'misspelt', variable: written, meant }));
}

/**
 * Bounds of RENEW_INTERVAL in seconds. In less than a minute nothing changes. With twelve hours a
 * six-day certificate is checked at least three times after its renewal has become urgent, 40 hours
 * before its end.
 */
const SHORTEST_INTERVAL = 60;
const LONGEST_INTERVAL = 43_200;

/**
 * Seconds between two reconciliations: RENEW_INTERVAL within its bounds. A value outside is a
 * warning, not a fault: the older container accepted any number. Pure.
 */
export function boundInterval(seconds: number): { seconds: number; warnings: ConfigWarning[] } {
  const bound = Math.min(Math.max(seconds, SHORTEST_INTERVAL), LONGEST_INTERVAL);
  if (bound === seconds) return { seconds, warnings: [] };
  const range = [SHORTEST_INTERVAL, LONGEST_INTERVAL] as const;
  return {
    seconds: bound,
    warnings: [{ kind: 'out-of-range', variable: 'RENEW_INTERVAL', value: seconds, used: bound, range }],
  };
}
