import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import fc from 'fast-check';
import { haproxyBin } from '../../../test/harness/proxy/proxy.ts';
import { route, settings } from '../../../test/harness/proxy/settings.ts';
import { temporaryDirectory } from '../../../test/harness/temporary-directory.ts';
import { backendsOf } from './backends.ts';
import { type ProxySettings, renderHaproxy } from './render.ts';
import type { ProxyRoute } from './routes.ts';
import { checkedPath, isHost } from './syntax.ts';

const invalid: Readonly<Record<string, Partial<ProxySettings>>> = {
  'port 0': { port: 0 },
  'port 65536': { port: 65_536 },
  'port 80.5': { port: 80.5 },
  'no port': { port: Number.NaN },
  'maxconn 0': { maxconn: 0 },
  'threads 0': { threads: 0 },
  'a drain time of a minute': { drainMs: 60_000 },
  'timeout 0, which HAProxy reads as none': { timeouts: { ...settings.timeouts, client: 0 } },
  'a timeout that overflows': { timeouts: { ...settings.timeouts, server: 2 ** 31 } },
  'a host with a line break': {
    routes: [route('app.example', { host: 'app\n  server evil 10.0.0.1:80', port: 80 })],
  },
  'a host with a space': { routes: [route('app.example', { host: 'app send-proxy', port: 80 })] },
  'an empty host': { routes: [route('app.example', { host: '', port: 80 })] },
  'a host with a port': { routes: [route('app.example', { host: 'app:80', port: 80 })] },
  'the unspecified address': { routes: [route('app.example', { host: '0.0.0.0', port: 80 })] },
  'the unspecified IPv6 address': { routes: [route('app.example', { host: '::', port: 80 })] },
  'an address with a zone': { routes: [route('app.example', { host: 'fe80::1%eth0', port: 80 })] },
  'target port 0': { routes: [route('app.example', { host: 'app', port: 0 })] },
  'evidence port 0': { evidencePort: 0 },
  'a CA file with a space': {
    routes: [route('app.example', { tls: true })],
    upstreamTls: { verify: true, caFile: '/my ca.pem' },
  },
  'a path with a space': { paths: { ...settings.paths, socket: '/run/my ingress/sock' } },
  'a path with a quote': { paths: { ...settings.paths, crtList: '/run/"/crt-list' } },
  'a path with a variable': { paths: { ...settings.paths, crtList: '/run/$HOME/crt-list' } },
  'a relative path': { paths: { ...settings.paths, crtList: 'crt-list' } },
  'a path too long for a socket': { paths: { ...settings.paths, socket: `/${'x'.repeat(97)}` } },
  'a user with a line break': { privileges: { user: 'x\nuid 0', group: 'x', chroot: '/' } },
};
for (const [what, change] of Object.entries(invalid)) {
  test(`${what} is a RangeError`, () => {
    assert.throws(() => renderHaproxy({ ...settings, ...change }), RangeError);
  });
}

const directory = temporaryDirectory();
/** The files that the configuration refers to. */
const files = {
  crtList: '/dev/null',
  routes: join(directory, 'routes.map'),
};

/** Numbers around every limit, and hosts and paths from valid to hostile. */
const count = fc.oneof(
  fc.integer({ min: -1, max: 70_000 }),
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, 1, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, Number.MAX_SAFE_INTEGER),
);
const host = fc.oneof(
  fc.domain(),
  fc.ipV4(),
  fc.ipV6(),
  fc.string(),
  fc.string({ unit: fc.constantFrom(...'aZ09-_.:%[]# "\\\'$\n\t\u0000é') }),
  fc.constantFrom('localhost', 'my_app', '1.2.3', '-x', 'x-', 'a..b', '::ffff:1.2.3.4', 'unix@/x', 'fd@3'),
);
const path = fc.oneof(
  fc.constantFrom('/run/haproxy.sock', '/', '/run/a,b', '/run/a b', 'abns@x', `/${'y'.repeat(96)}`),
  fc.string({ unit: fc.constantFrom(...'aZ0/-_.@+~=:,$# \n') }).map((tail) => `/tmp/${tail}`),
);
/** Mostly valid, so that a single invalid value is tested. */
const mostly = <T>(right: T, any: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(right) }, any);
const anyRoute: fc.Arbitrary<ProxyRoute> = fc.record({
  name: mostly('app.example', fc.oneof(fc.domain(), fc.constantFrom('*.example', '*', 'a b', 'A.example'))),
  target: fc.record({
    host,
    port: mostly(80, count),
    speaks: fc.constantFrom('tcp', 'http/1.1', 'h2'),
    tls: fc.boolean(),
  }),
  alpn: fc.subarray(['h2', 'http/1.1', 'imap']),
});
const anySettings: fc.Arbitrary<ProxySettings> = fc
  .record({
    port: mostly(443, count),
    ipv6: fc.boolean(),
    maxconn: mostly(4096, fc.oneof(count, fc.constant(500_000))),
    timeouts: fc.record({
      connect: mostly(1000, count),
      client: mostly(1000, count),
      server: mostly(1000, count),
    }),
    routes: fc.uniqueArray(anyRoute, { minLength: 1, maxLength: 4, selector: ({ name }) => name }),
    acceptProxy: fc.boolean(),
    sendProxy: fc.constantFrom('off', 'v1', 'v2'),
    upstreamTls: fc.record({ verify: fc.boolean() }),
    evidencePort: fc.oneof(fc.constant(undefined), mostly(9000, count)),
    paths: fc.record({
      socket: mostly('/run/haproxy.sock', path),
      handshakeSocket: mostly('/run/own.sock', path),
      chroot: mostly('/tmp', path),
    }),
    root: fc.boolean(),
    drainMs: mostly(8000, count),
    threads: mostly<number | undefined>(undefined, count),
  })
  .map(({ threads, root, paths, ...rest }) => ({
    ...rest,
    paths: { ...files, socket: paths.socket, handshakeSocket: paths.handshakeSocket },
    privileges: root ? { user: 'haproxy', group: 'haproxy', chroot: paths.chroot } : undefined,
    ...(threads === undefined ? {} : { threads }),
  }));

test('HAProxy accepts every rendered configuration', async () => {
  const file = join(directory, 'haproxy.cfg');
  await writeFile(files.routes, '');
  let checked = 0;
  const property = fc.asyncProperty(anySettings, async (any) => {
    const text = renderOrUndefined(any);
    fc.pre(text !== undefined);
    await writeFile(file, text);
    const { exitCode, all } = await execa(haproxyBin, ['-c', '-f', file], { all: true, reject: false });
    assert.equal(exitCode, 0, all);
    checked += 1;
  });
  await fc.assert(property, { numRuns: 40, maxSkipsPerRun: 1_000 });
  assert.ok(checked >= 40);
});

test('no setting can add a line to the configuration', () => {
  const property = fc.property(anySettings, (any) => {
    const text = renderOrUndefined(any);
    fc.pre(text !== undefined);
    const words = text.split('\n').map((line) => line.trim().split(' ')[0]);
    const count = (word: string) => words.filter((candidate) => candidate === word).length;
    const servers = backendsOf(any.routes, any.evidencePort !== undefined).length;
    assert.equal(count('server'), servers + (any.evidencePort === undefined ? 0 : 1));
    assert.equal(count('backend'), count('server'));
    assert.deepEqual([count('bind'), count('frontend'), count('global'), count('stats')], [2, 2, 1, 1]);
    assert.ok(any.routes.every(({ target }) => isHost(target.host)));
    assert.doesNotThrow(() => checkedPath(any.paths.socket));
  });
  fc.assert(property, { numRuns: 300, maxSkipsPerRun: 1_000 });
});

function renderOrUndefined(any: ProxySettings): string | undefined {
  try {
    return renderHaproxy(any);
  } catch (thrown) {
    assert.ok(thrown instanceof RangeError);
    return undefined;
  }
}
