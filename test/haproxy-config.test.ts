import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import fc from 'fast-check';
import { providers } from '../providers/registry.ts';
import { loadConfig } from '../src/config/config.ts';
import { ConfigError } from '../src/config/faults.ts';
import { renderHaproxy } from '../src/proxy/config/render.ts';
import { renderRouteMap } from '../src/proxy/config/route-map.ts';
import { runtimePaths } from '../src/proxy/process/runtime-dir.ts';
import { temporaryDirectory } from './harness/temporary-directory.ts';

const directory = temporaryDirectory();

/** The files that the configuration refers to. */
const files = {
  crtList: join(directory, 'crt-list'),
  routes: join(directory, 'routes.map'),
};

/** Characters that could end a word, a line or a section of haproxy.cfg, and ordinary text. */
const hostile = fc.stringMatching(/^[a-z0-9."'\\#\n\r\t\0 %{}$[\]:/,;é*_-]{0,24}$/);
const good: Readonly<Record<string, readonly string[]>> = {
  DOMAIN: ['app.example.com', '*.example.com', 'xn--bcher-kva.example'],
  DOMAINS: ['', 'app.example.com', 'a.example.com, b.example.com # two', '*.example.com\nexample.com'],
  ALIAS_DOMAIN: ['', 'www.example.com', 'alias.example.com, *.example.com'],
  CERT_GROUPS: [
    '',
    'g.example.com,*.g.example.com; h.example.com i.example.com',
    '*.example.com example.com',
  ],
  TARGET_ENDPOINT: [
    ...['app:80', 'http://app', 'tcp://[::1]:22', '10.0.0.1:8080', 'my_app:1', 'localhost:65535'],
    ...['https://app', 'grpc://app:50051', 'grpcs://app:50051'],
  ],
  ROUTING_MAP: ['', 'c.example.com=http://c', 'a.example.com=https://a:8443\n*.c.example.com=grpc://[::1]:1'],
  PROXY_MODE: ['auto', 'tcp'],
  EVIDENCE_SERVER: ['true', 'false'],
  ACCEPT_PROXY_PROTOCOL: ['false', 'true'],
  SEND_PROXY_PROTOCOL: ['off', 'v1', 'v2'],
  TARGET_TLS_VERIFY: ['true', 'false'],
  GATEWAY_DOMAIN: ['_.cluster.example.net'],
  CLOUDFLARE_API_TOKEN: ['token'],
  APP_ID: ['a'.repeat(40)],
  PORT: ['443', '1', '65535', '8443'],
  TXT_PREFIX: ['_dstack-app-address'],
  MAXCONN: ['1', '4096', '500000'],
  TIMEOUT_CONNECT: ['10s', '1us', '5000ms'],
  TIMEOUT_CLIENT: ['86400s', '24d', '1m'],
  TIMEOUT_SERVER: ['86400s', '1h'],
  ALPN: ['h2', 'h2, http/1.1', 'acme-tls/1', 'stun.turn'],
  RUNTIME_DIR: ['/run/dstack-ingress', '/tmp/x'],
};

const ordinary = fc.record(
  Object.fromEntries(Object.entries(good).map(([name, texts]) => [name, fc.constantFrom(...texts)])),
);
const oddities = fc.dictionary(
  fc.constantFrom(...Object.keys(good)),
  fc.oneof(
    hostile,
    fc.tuple(fc.constantFrom(...Object.values(good).flat()), hostile).map((parts) => parts.join('')),
  ),
  { maxKeys: 2 },
);
const environments = fc.tuple(ordinary, oddities).map(([usual, odd]) => ({ ...usual, ...odd }));

test('HAProxy can parse the configuration of every valid environment', async () => {
  let parsed = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(environments, async (environment) => {
      const settings = settingsOf(environment);
      if (settings === undefined) {
        refused += 1;
        return;
      }
      const path = join(directory, 'haproxy.cfg');
      writeFileSync(settings.paths.crtList, '');
      writeFileSync(settings.paths.routes, renderRouteMap(settings.routes));
      writeFileSync(path, renderHaproxy(settings));
      const { exitCode, all } = await execa('haproxy', ['-c', '-f', path], { all: true, reject: false });
      assert.equal(exitCode, 0, `${all}\n${JSON.stringify(environment)}`);
      parsed += 1;
    }),
    { numRuns: 300 },
  );
  assert.ok(
    parsed >= 20 && refused >= 20,
    `${parsed} parsed, ${refused} refused: the property saw too little of one kind`,
  );
});

function settingsOf(environment: Record<string, string>) {
  try {
    const config = loadConfig(environment, () => '', providers);
    // HAProxy requires the directory to exist; its name is tested through the rendered
    // configuration.
    const paths = { ...runtimePaths(config.runtimeDir), ...files };
    return {
      port: config.port,
      ipv6: true,
      maxconn: config.maxconn,
      timeouts: {
        connect: config.timeoutConnect,
        client: config.timeoutClient,
        server: config.timeoutServer,
      },
      routes: config.routes,
      acceptProxy: config.acceptProxyProtocol,
      sendProxy: config.sendProxyProtocol,
      upstreamTls: config.appTls,
      evidencePort: config.evidenceServer ? 9000 : undefined,
      paths,
      privileges: undefined,
      drainMs: 8000,
    };
  } catch (thrown) {
    if (thrown instanceof ConfigError) return undefined;
    throw thrown;
  }
}
