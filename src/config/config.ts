import { appAddressName, challengeName } from '../dns/names.ts';
import { chooseProvider, type ProviderChoice } from './choose-provider.ts';
import { ConfigError, type Fault } from './faults.ts';
import { type Environment, type ReadFile, readTable } from './read.ts';
import type { Settings, VariableTable } from './variable.ts';
import { type IngressSettings, variables, withoutEffect } from './variables.ts';

export const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';
const LETS_ENCRYPT_STAGING = 'https://acme-staging-v02.api.letsencrypt.org/directory';

/** The whole configuration: every variable's value, and what follows from several of them. */
export interface Config<P extends ProviderChoice> extends IngressSettings {
  readonly gatewayDomain: string;
  readonly alpn: readonly string[];
  readonly directoryUrl: string;
  readonly provider: P;
  readonly providerSettings: Settings<VariableTable>;
  /** What is worth telling the person who set the variables. */
  readonly warnings: readonly string[];
}

/**
 * Reads the environment once. Throws ConfigError with every fault; writes and starts nothing. `inspect` adds the faults
 * that only the machine can tell; it sees what could be read.
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
  const wrong = [...faults, ...crossFaults(settings, gatewayDomain, faults), ...inspect(settings)];
  if (wrong.length > 0 || 'problem' in provider || !own || gatewayDomain === undefined)
    throw new ConfigError(wrong);
  return {
    ...settings,
    gatewayDomain,
    alpn: settings.alpn ?? (settings.targetEndpoint.scheme === 'grpc' ? ['h2'] : []),
    directoryUrl: settings.directoryUrl ?? (settings.staging ? LETS_ENCRYPT_STAGING : LETS_ENCRYPT),
    provider,
    providerSettings: own.values,
    warnings: [...main.warnings, ...own.warnings, ...crossWarnings(settings, environment)],
  };
}

function defaultGateway({ dstackGatewayDomain }: IngressSettings): string | undefined {
  return dstackGatewayDomain === undefined ? undefined : `_.${dstackGatewayDomain}`;
}

function crossFaults(
  settings: IngressSettings,
  gatewayDomain: string | undefined,
  faults: readonly Fault[],
): Fault[] {
  const { domain, txtPrefix, runtimeDir } = settings;
  const found: Fault[] = [];
  const known = (variable: string) => faults.some((fault) => fault.variable === variable);
  if (gatewayDomain === undefined && !known('GATEWAY_DOMAIN') && !known('DSTACK_GATEWAY_DOMAIN')) {
    const { name, remedy } = variables.gatewayDomain;
    found.push({ variable: name, problem: 'is not set, and neither is DSTACK_GATEWAY_DOMAIN', remedy });
  }
  const longest = domain && txtPrefix ? [appAddressName(domain, txtPrefix), challengeName(domain)] : [];
  if (longest.some((name) => name.length > 253)) {
    const problem = `is too long: with the labels put in front of it, it passes the 253 characters of a domain name`;
    found.push({ variable: 'DOMAIN', problem, remedy: 'Choose a shorter name.' });
  }
  // sun_path holds 108 bytes, and the socket's file name comes behind.
  if (runtimeDir !== undefined && runtimeDir.length > 80) {
    const problem = 'is too long for the Unix socket in it';
    found.push({ variable: 'RUNTIME_DIR', problem, remedy: variables.runtimeDir.remedy });
  }
  return found;
}

function crossWarnings(settings: IngressSettings, environment: Environment): string[] {
  const path = settings.targetEndpoint.ignoredPath;
  const ignored =
    path === undefined
      ? []
      : [`the path ${path} in TARGET_ENDPOINT has no effect: connections are forwarded, not requests`];
  const overruled =
    settings.staging && settings.directoryUrl !== undefined
      ? ['ACME_STAGING has no effect beside ACME_DIRECTORY_URL']
      : [];
  const refused =
    settings.targetEndpoint.scheme === 'grpc' && settings.alpn?.includes('h2') === false
      ? ['ALPN does not offer h2, so gRPC clients will refuse to talk to the grpc:// target']
      : [];
  const old = Object.entries(withoutEffect).flatMap(([name, why]) =>
    environment[name]?.trim() ? [`${name} has no effect: ${why}`] : [],
  );
  return [...ignored, ...overruled, ...refused, ...old];
}
