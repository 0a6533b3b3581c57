import { providers } from '../../providers/registry.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/faults.ts';
import type { VariableTable } from '../../src/config/variable.ts';
import { variables } from '../../src/config/variables.ts';
import { describeConfigWarning } from '../../src/config/warnings.ts';
import type { ComposeFile, Service } from './compose-file.ts';

type IngressConfig = Config<(typeof providers)[number]>;

interface Ingress {
  readonly name: string;
  readonly service: Service;
  readonly config: IngressConfig | undefined;
  /** The faults and warnings from loading its configuration. */
  readonly words: readonly string[];
}

const AGENT = /^(?:\/var)?\/run\/(?:(?:dstack|tappd)\.sock|dstack(?:\/dstack\.sock)?)$/;

/** All faults of a documented compose file, each with the service concerned. */
export function complaintsAbout(file: ComposeFile): string[] {
  const ingresses = Object.entries(file.services)
    .filter(([, { image }]) => image === 'dstack-ingress')
    .map(([name, service]) => ingressOf(name, service));
  const complaints = ingresses.flatMap((ingress) =>
    [
      ...ingress.words,
      ...aboutNames(ingress),
      ...aboutPort(ingress),
      ...aboutMounts(ingress),
      ...aboutSecrets(ingress, file),
      ...aboutTarget(ingress, file),
      ...(ingress.service.restart === undefined ? ['has no restart policy'] : []),
    ].map((words) => `${ingress.name}: ${words}`),
  );
  if (ingresses.length === 0) complaints.push('no service is an ingress');
  return [...complaints, ...aboutVolumes(file), ...aboutNeighbours(ingresses)];
}

function ingressOf(name: string, service: Service): Ingress {
  const readFile = (path: string) => {
    // Printable and base64, so that it is valid as any kind of secret.
    if (service.secrets.some((secret) => path === `/run/secrets/${secret}`)) return 'c2VjcmV0\n';
    throw new Error('ENOENT');
  };
  try {
    const config = loadConfig(service.environment, readFile, providers);
    const words = config.warnings.map((warning) => `warning: ${describeConfigWarning(warning)}`);
    return { name, service, config, words };
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    const words = thrown.faults.map(({ variable, problem }) => `fault: ${variable} ${problem}`);
    return { name, service, config: undefined, words };
  }
}

function aboutNames({ service, config }: Ingress): string[] {
  const own = config ? [config.provider] : providers;
  const known = new Set([
    'NODE_EXTRA_CA_CERTS',
    ...[variables, ...own.map((provider) => provider.variables)].flatMap(namesIn),
  ]);
  return Object.keys(service.environment).flatMap((name) =>
    known.has(name) ? [] : [`${name} is not a known variable`],
  );
}

function namesIn(table: VariableTable): string[] {
  return Object.values(table).flatMap(({ name, aliases = [], secret }) =>
    [name, ...aliases].flatMap((one) => (secret ? [one, `${one}_FILE`] : [one])),
  );
}

function aboutPort({ service, config }: Ingress): string[] {
  if (!config) return [];
  const port = String(config.port);
  const strange = service.ports.filter(({ published, target }) => published !== port || target !== port);
  if (strange.length > 0)
    return strange.map(
      ({ published, target }) => `publishes ${published}:${target} instead of ${port}:${port}`,
    );
  // A .test domain (RFC 6761 §6.2) belongs to a local world, whose gateway is in the same network.
  return service.ports.length > 0 || config.gatewayDomain.endsWith('.test')
    ? []
    : [`does not publish ${port}`];
}

function aboutMounts({ service, config }: Ingress): string[] {
  const store = service.mounts.find(({ target }) => target === '/etc/letsencrypt');
  const agent = service.mounts.some(({ target }) => AGENT.test(target));
  return [
    ...(store ? [] : ['has no volume at /etc/letsencrypt']),
    ...(store?.readOnly ? ['cannot write /etc/letsencrypt'] : []),
    ...(agent || config?.appId !== undefined ? [] : ["has neither the guest agent's socket nor APP_ID"]),
  ];
}

function aboutSecrets({ service }: Ingress, { secrets }: ComposeFile): string[] {
  return service.secrets.flatMap((name) =>
    secrets.includes(name) ? [] : [`the secret ${name} is not declared`],
  );
}

function aboutTarget({ config }: Ingress, { services }: ComposeFile): string[] {
  const hosts = new Set(config?.routes.map(({ target }) => target.host));
  return [...hosts]
    .filter((host) => !(host in services))
    .map((host) => `no service has the name of the target, ${host}`);
}

function aboutVolumes({ services, volumes }: ComposeFile): string[] {
  const used = new Set(
    Object.values(services).flatMap(({ mounts }) =>
      mounts.flatMap(({ source }) => (/^[./~]/.test(source) || source === '' ? [] : [source])),
    ),
  );
  return [
    ...[...used]
      .filter((name) => !volumes.includes(name))
      .map((name) => `the volume ${name} is not declared`),
    ...volumes.filter((name) => !used.has(name)).map((name) => `the volume ${name} is not used`),
  ];
}

/** The settings that two ingresses on one host cannot share. */
function aboutNeighbours(ingresses: readonly Ingress[]): string[] {
  const shared = (what: string, of: (ingress: Ingress) => string | readonly string[] | undefined) => {
    const values = ingresses.flatMap((ingress) => of(ingress) ?? []);
    return new Set(values).size === values.length ? [] : [`two ingresses have the same ${what}`];
  };
  return [
    ...shared('name', ({ config }) => config?.names),
    ...shared('PORT', ({ config }) => config && String(config.port)),
    ...shared(
      'volume',
      ({ service }) => service.mounts.find(({ target }) => target === '/etc/letsencrypt')?.source,
    ),
  ];
}
