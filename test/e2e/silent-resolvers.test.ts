import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { a, type DnsScript, startDnsServer } from '../harness/dns/dns-server.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';
import { appBody, startApp } from '../world/dstack/app.ts';
import { ownMounts, whyNoOwnMounts } from '../world/faults/own-mounts.ts';
import { freePort } from '../world/free-port.ts';
import { requestHttpsAt } from '../world/https-client.ts';
import { BUNDLE, type Environment, type Ingress, startIngress } from '../world/ingress.ts';
import { claimLoopback, type Loopback } from '../world/loopback.ts';
import { eventually, plantCertificate } from './support.ts';

const DOMAIN = 'app.example.com';
const SILENT = ['one', 'two', 'three', 'four', 'five'];
/** The longest time to reach an available app, whatever the other apps do. */
const AT_ONCE_MS = 3000;
/** `docker stop` kills the container after ten seconds. */
const PROMPT_SECONDS = 5;

const skip = (await whyNoOwnMounts()) ?? false;

test('names whose resolver is silent delay neither another app, nor its move, nor the shutdown', {
  skip,
}, async (t) => {
  const { host, loopback, resolve } = await hostOf(t);
  const [first, second] = await twoApps(t, loopback);
  resolve('good.internal', first.address);
  const { ingress, ask } = await start(t, host, [
    `http://good:${first.port}`,
    ...SILENT.map((name) => `http://${name}:80`),
  ]);
  const reached = async (app: string) => {
    const begun = performance.now();
    await eventually(
      `an answer of ${app}`,
      async () => ((await ask()).body === appBody(app, '/') ? true : undefined),
      30_000,
    );
    return performance.now() - begun;
  };

  await ingress.seen('serving');
  const met = await reached('first');
  assert.ok(met < AT_ONCE_MS, `the app was reached after ${met} ms`);
  resolve('good.internal', second.address);
  const moved = await reached('second');
  assert.ok(moved < AT_ONCE_MS, `its move was followed after ${moved} ms`);
  const { exitCode, seconds } = await ingress.end('SIGTERM');
  assert.equal(exitCode, 0);
  assert.ok(seconds < PROMPT_SECONDS, `it ended after ${seconds} s`);
});

test('an app in /etc/hosts is reached although the resolver is silent', { skip }, async (t) => {
  const { host, loopback } = await hostOf(t);
  const app = await startApp({ address: loopback.next(), name: 'extra' });
  afterTest(t, () => app.stop());
  await writeFile(host.hosts, `127.0.0.1 localhost\n${app.address} other extra-host\n`);
  const { ask } = await start(t, host, [`http://extra-host:${app.port}`]);
  await eventually('its answer', async () => ((await ask()).status === 200 ? true : undefined));
});

test('SIGTERM ends a plan while the provider’s name does not resolve', { skip }, async (t) => {
  const { host } = await hostOf(t);
  const ingress = await startIn(t, host, ['http://127.0.0.1:80'], ['plan']);
  await host.asked('api.provider.test');
  const { exitCode, seconds } = await ingress.end('SIGTERM');
  assert.equal(exitCode, 143);
  assert.ok(seconds < PROMPT_SECONDS, `it ended after ${seconds} s`);
});

/** A host's name resolution. */
interface Host {
  readonly home: string;
  readonly hosts: string;
  readonly resolvConf: string;
  /** Resolves once the resolver was queried for this name. */
  asked(name: string): Promise<unknown>;
}

/**
 * A host with a search domain, whose only resolver does not respond about a name until `resolve` is
 * called for it.
 */
async function hostOf(t: TestContext) {
  const home = temporaryDirectory(t);
  const loopback = await claimLoopback();
  afterTest(t, () => loopback[Symbol.asyncDispose]());
  const addresses = new Map<string, string>();
  const script: DnsScript = ({ name, type }) => {
    const address = addresses.get(name);
    if (address === undefined) return 'silence';
    return { answers: type === 'A' ? [a(name, address)] : [] };
  };
  const resolver = await startDnsServer(t, script, { address: loopback.next(), port: 53 });
  const host: Host = {
    home,
    hosts: join(home, 'hosts'),
    resolvConf: join(home, 'resolv.conf'),
    asked: (name) =>
      eventually(
        `a question for ${name}`,
        () => resolver.queries.some((line) => line.includes(` ${name} `)) || undefined,
      ),
  };
  await writeFile(host.hosts, '127.0.0.1 localhost\n');
  await writeFile(host.resolvConf, `nameserver ${resolver.address}\nsearch internal\n`);
  return { host, loopback, resolve: (name: string, address: string) => void addresses.set(name, address) };
}

async function twoApps(t: TestContext, loopback: Loopback) {
  const first = await startApp({ address: loopback.next(), name: 'first' });
  const second = await startApp({ address: loopback.next(), port: first.port, name: 'second' });
  for (const app of [first, second]) afterTest(t, () => app.stop());
  return [first, second] as const;
}

/**
 * An ingress on that host with a certificate for its first target, and a CA and a provider without
 * addresses.
 */
async function start(t: TestContext, host: Host, targets: readonly string[]) {
  const environment = await environmentOn(host, targets);
  const { chainPem } = await plantCertificate({ ...environment, DOMAIN }, 80);
  const ingress = onHost(t, host, environment);
  const at = { host: '127.0.0.1', port: Number(environment.PORT) };
  return { ingress, ask: () => requestHttpsAt(at, [chainPem], DOMAIN, '/') };
}

async function startIn(
  t: TestContext,
  host: Host,
  targets: readonly string[],
  args: readonly string[],
): Promise<Ingress> {
  return onHost(t, host, await environmentOn(host, targets), args);
}

async function environmentOn({ home }: Host, targets: readonly string[]) {
  const routes = targets.map(
    (target, index) => `${index === 0 ? DOMAIN : `n${index}.example.com`}=${target}`,
  );
  return {
    PATH: process.env['PATH'] ?? '',
    ROUTING_MAP: routes.join('\n'),
    GATEWAY_DOMAIN: '_.cluster.test',
    CLOUDFLARE_API_TOKEN: 'nobody-is-there-to-see-this-token-anyway',
    CLOUDFLARE_BASE_URL: 'http://api.provider.test',
    ACME_DIRECTORY_URL: 'https://acme.authority.test/directory',
    DNS_RESOLVERS: '127.0.0.1:1',
    APP_ID: '3327603e03f5bd1f830812ca4a789277fc31f577',
    PORT: String(await freePort()),
    LETSENCRYPT_DIR: join(home, 'letsencrypt'),
    EVIDENCE_DIR: join(home, 'evidences'),
    RUNTIME_DIR: join(home, 'run'),
  };
}

/**
 * Starts it with the host's files in place of /etc/hosts and /etc/resolv.conf, like in a container.
 */
function onHost(
  t: TestContext,
  { hosts, resolvConf }: Host,
  environment: Environment,
  args: readonly string[] = [],
): Ingress {
  const mounted = ownMounts([
    { source: hosts, target: '/etc/hosts' },
    { source: resolvConf, target: '/etc/resolv.conf' },
  ]);
  const ingress = startIngress(environment, [...mounted, process.execPath, BUNDLE, ...args]);
  afterTest(t, () => ingress[Symbol.asyncDispose]());
  return ingress;
}
