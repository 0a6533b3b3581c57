import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

/** What each room may import from this program. A room that is not listed imports nothing. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  'src/config': ['src/config', 'src/dns/name.ts', 'src/records/app-address.ts', 'src/errors.ts'],
  'src/dns': ['src/dns', 'src/async.ts', 'src/clock.ts', 'src/errors.ts'],
  'src/records': [
    'src/records',
    'src/dns',
    'src/async.ts',
    'src/errors.ts',
    'src/files.ts',
    'src/volume.ts',
    'src/json.ts',
  ],
  'src/net': ['src/net', 'src/async.ts', 'src/errors.ts', 'src/json.ts'],
  'src/acme': [
    'src/acme',
    'src/certificates/certificate.ts',
    'src/certificates/renewal-conf.ts',
    'src/dns',
    'src/records/challenges.ts',
    'src/config/secret.ts',
    'src/net',
    'src/async.ts',
    'src/clock.ts',
    'src/duration.ts',
    'src/errors.ts',
    'src/files.ts',
    'src/json.ts',
    'src/volume.ts',
  ],
  'src/certificates': [
    'src/certificates',
    'src/config/secret.ts',
    'src/clock.ts',
    'src/dns/name.ts',
    'src/duration.ts',
    'src/errors.ts',
    'src/files.ts',
    'src/volume.ts',
    'src/warnings.ts',
  ],
  'src/evidence': ['src/evidence', 'src/errors.ts', 'src/events.ts'],
  'src/dstack': ['src/dstack', 'src/async.ts', 'src/net', 'src/errors.ts'],
  // The rooms of the proxy import one way: config, runtime, process, upstream, proxy.ts.
  'src/proxy/config': ['src/proxy/config'],
  'src/proxy/runtime': [
    'src/proxy/runtime',
    'src/proxy/config',
    'src/config/secret.ts',
    'src/async.ts',
    'src/clock.ts',
    'src/errors.ts',
    'src/log.ts',
  ],
  'src/proxy/process': [
    'src/proxy/process',
    'src/proxy/runtime',
    'src/proxy/config',
    'src/proxy/recent.ts',
    'src/async.ts',
    'src/clock.ts',
    'src/errors.ts',
    'src/files.ts',
    'src/log.ts',
  ],
  'src/proxy/upstream': [
    'src/proxy/upstream',
    'src/proxy/process/failure.ts',
    'src/proxy/runtime',
    'src/proxy/config',
    'src/proxy/recent.ts',
    'src/net/system-lookup.ts',
    'src/async.ts',
    'src/clock.ts',
    'src/errors.ts',
    'src/log.ts',
    'src/warnings.ts',
  ],
  'src/proxy': ['src/proxy', 'src/net/system-lookup.ts', 'src/async.ts', 'src/clock.ts', 'src/log.ts'],
  'src/reconcile': [
    'src/reconcile',
    'src/acme',
    'src/certificates',
    'src/dns',
    'src/records',
    'src/dstack/identity.ts',
    'src/async.ts',
    'src/clock.ts',
    'src/duration.ts',
    'src/errors.ts',
    'src/events.ts',
    'src/warnings.ts',
  ],
  'src/status': [
    'src/status',
    'src/certificates/certificate.ts',
    'src/certificates/renewal/ending.ts',
    'src/clock.ts',
    'src/errors.ts',
    'src/event-messages.ts',
    'src/events.ts',
  ],
  // One composition root for each subcommand, selected by main.ts; these may import every room.
  'src/commands': ['src', 'providers'],
  providers: [
    'providers',
    'src/dns',
    'src/config',
    'src/net',
    'src/async.ts',
    'src/clock.ts',
    'src/errors.ts',
  ],
};

/** Pure files: no clock, files, network or log. */
const pure = [
  'src/records/alias.ts',
  'src/dns/caa/property.ts',
  'src/dns/caa/judge.ts',
  'src/records/app-address.ts',
  'src/records/ownership.ts',
  'src/records/desired.ts',
  'src/records/gateway-fault.ts',
  'src/records/challenges.ts',
  'src/records/name-records.ts',
  'src/records/plan.ts',
  'src/records/zone-plan.ts',
  'src/dns/presentation.ts',
  'src/dns/server-state.ts',
  'src/dns/record.ts',
  'src/acme/clock-skew.ts',
  'src/duration.ts',
  'src/events.ts',
  'src/event-messages.ts',
  'src/json.ts',
  'src/net/no-proxy.ts',
  'src/net/retry-after.ts',
  'src/net/unanswered.ts',
  'providers/shared/changes.ts',
  'providers/shared/errors.ts',
  'src/acme/problem.ts',
  'src/certificates/renewal-conf.ts',
  'src/acme/ledger/deferral.ts',
  'src/acme/ledger/history.ts',
  'src/acme/ledger/entries.ts',
  'src/acme/ledger/limits.ts',
  'src/acme/ledger/attempt.ts',
  'src/acme/ledger/registered-domain.ts',
  'src/certificates/renewal/ending.ts',
  'src/certificates/renewal/lifetime.ts',
  'src/certificates/renewal/policy.ts',
  'src/certificates/renewal/ari.ts',
  'src/certificates/lineage.ts',
  'src/config/authorities.ts',
  'src/config/certificates.ts',
  'src/config/choose-provider.ts',
  'src/config/endpoint.ts',
  'src/config/lists.ts',
  'src/config/misspelt.ts',
  'src/config/ignored-variables.ts',
  'src/config/name-advice.ts',
  'src/config/older-variables.ts',
  'src/config/routes.ts',
  'src/config/served-names.ts',
  'src/config/warnings.ts',
  'src/dstack/missing-socket.ts',
  'src/proxy/config/backends.ts',
  'src/proxy/config/buffers.ts',
  'src/proxy/config/connections.ts',
  'src/proxy/config/error-pages.ts',
  'src/proxy/config/http-rules.ts',
  'src/proxy/config/log-format.ts',
  'src/proxy/config/render.ts',
  'src/proxy/config/route-map.ts',
  'src/proxy/config/routes.ts',
  'src/proxy/config/servers.ts',
  'src/proxy/config/syntax.ts',
  'src/proxy/config/tls.ts',
  'src/proxy/process/failure.ts',
  'src/proxy/runtime/abandoned.ts',
  'src/proxy/runtime/sessions.ts',
  'src/proxy/runtime/show-errors.ts',
  'src/proxy/runtime/tcp-table.ts',
  'src/proxy/upstream/messages.ts',
  'src/proxy/upstream/server-plan.ts',
  'src/proxy/recent.ts',
  'src/reconcile/authority-choice.ts',
  'src/reconcile/backoff.ts',
  'src/status/health.ts',
  'src/status/health-result.ts',
  'src/status/start.ts',
  'src/status/state.ts',
  'src/commands/print/state.ts',
  'src/commands/print/failure.ts',
  'src/commands/print/json.ts',
  'src/commands/print/forecast.ts',
  'providers/cloudflare/records.ts',
  'providers/cloudflare/changes.ts',
  'providers/linode/records.ts',
  'providers/linode/changes.ts',
  'providers/cloudflare/zones.ts',
  'providers/linode/zones.ts',
  'providers/namecheap/records.ts',
  'providers/namecheap/changes.ts',
  'providers/namecheap/hosts.ts',
  'providers/rfc2136/records.ts',
  'providers/rfc2136/changes.ts',
  'providers/rfc2136/wire.ts',
  'providers/route53/batches.ts',
  'providers/route53/records.ts',
  'providers/route53/changes.ts',
  'providers/route53/memory.ts',
  'providers/route53/zones.ts',
  'test/world/faults/preload/first-half.ts',
  'test/world/faults/preload/points.ts',
];
const IO =
  /from '(?:node:(?!net|url|util)|(?:\.\.\/)+(?:clock|log|files)\.ts|execa|axios|pino)|Date\.now|new Date\(\)|Math\.random|process\./;

const sources = globSync(['src/**/*.ts', 'providers/**/*.ts']).filter(
  (file) => !/\.test\.ts$|\/test-[^/]+$/.test(file),
);

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const paths = [...text.matchAll(/(?:from|import\() ?'(\.[^']+)'/g)].map(([, path = '']) =>
    normalize(join(dirname(file), path)),
  );
  return paths.filter((path) => path.endsWith('.ts'));
}

for (const file of sources.filter((path) => path !== 'src/main.ts')) {
  const room = Object.keys(rooms).find((name) => file.startsWith(`${name}/`));
  test(`${file} imports only what its room may`, () => {
    const allowed =
      room === undefined
        ? [
            'src/clock.ts',
            'src/errors.ts',
            'src/event-messages.ts',
            'src/events.ts',
            'src/files.ts',
            'src/json.ts',
            'src/net/no-proxy.ts',
          ]
        : (rooms[room] ?? []);
    const forbidden = importsOf(file).filter(
      (path) => !allowed.some((place) => path === place || path.startsWith(`${place}/`)),
    );
    assert.deepEqual(forbidden, []);
  });
}

for (const file of pure) {
  test(`${file} is pure`, () => assert.doesNotMatch(readFileSync(file, 'utf8'), IO));
}

test('no file imports itself through other files', () => {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    if (path.includes(file) || done.has(file)) return;
    for (const imported of importsOf(file)) if (imported !== file) visit(imported, [...path, file]);
    done.add(file);
  };
  for (const file of sources) visit(file, []);
  assert.deepEqual(circles, []);
});

test('the image of the local world has every file that its services load', () => {
  const loaded = new Set<string>();
  const visit = (file: string): void => {
    if (loaded.has(file)) return;
    loaded.add(file);
    const imports = readFileSync(file, 'utf8').matchAll(
      /^(?:im|ex)port (?!type\b)[^;]*?from '(\.[^']+\.ts)'/gm,
    );
    for (const [, path = ''] of imports) visit(normalize(join(dirname(file), path)));
  };
  visit('test/world/containers/services/main.ts');
  const dockerfile = readFileSync('test/world/containers/Dockerfile', 'utf8');
  const [, copied = ''] = /^COPY (src.*) src\/$/m.exec(dockerfile) ?? [];
  // All of test/world is copied.
  const needed = [...loaded].filter((file) => !file.startsWith('test/world/'));
  assert.deepEqual(needed.sort(), copied.split(' '));
});

test('directories are made by src/files.ts: the recursive ways of Node.js may never return', () => {
  const offenders = sources.filter((file) => /\brecursive: true/.test(readFileSync(file, 'utf8')));
  assert.deepEqual(offenders, []);
});

test('nothing outside test imports from test', () => {
  const offenders = [...sources, 'src/main.ts'].filter((file) =>
    importsOf(file).some((path) => path.startsWith('test/')),
  );
  assert.deepEqual(offenders, []);
});

test('tests end what they start with afterTest', () => {
  const tests = globSync(['src/**/*.ts', 'providers/**/*.ts', 'test/**/*.ts']);
  const offenders = tests.filter(
    (file) => file !== 'test/harness/after-test.ts' && /\bt\.after\(/.test(readFileSync(file, 'utf8')),
  );
  assert.deepEqual(offenders, []);
});
