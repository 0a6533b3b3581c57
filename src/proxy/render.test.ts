import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import fc from 'fast-check';
import { haproxyBin } from '../../test/doubles/proxy.ts';
import { isConnectable, isPlainHost, isPlainPath, type ProxySettings, renderHaproxy } from './render.ts';

const settings: ProxySettings = {
  port: 443,
  maxconn: 4096,
  timeouts: { connect: 10_000, client: 86_400_000, server: 86_400_000 },
  target: { host: 'app', port: 80 },
  alpn: [],
  paths: {
    socket: '/run/ingress/haproxy.sock',
    crtList: '/run/ingress/crt-list',
    own: '/run/ingress/own.sock',
  },
  privileges: undefined,
  drainMs: 8_000,
};

test('the whole text, as root', () => {
  const privileges = { user: 'haproxy', group: 'haproxy', chroot: '/run/ingress/chroot' };
  assert.equal(
    renderHaproxy({ ...settings, privileges, threads: 2 }),
    `global
  log stdout format short daemon
  stats socket /run/ingress/haproxy.sock mode 600 level admin
  maxconn 4104
  no strict-limits
  hard-stop-after 8000ms
  nbthread 2
  user haproxy
  group haproxy
  chroot /run/ingress/chroot
  tune.ssl.cachesize 1000
  ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
  ssl-default-bind-curves X25519:P-256:P-384
  ssl-default-bind-options ssl-min-ver TLSv1.2

defaults
  mode tcp
  log global
  option dontlog-normal
  option dontlognull
  retries 3
  timeout connect 10000ms
  timeout client 86400000ms
  timeout server 86400000ms
  .if version_atleast(2.9)
  timeout client-hs 10000ms
  .endif

frontend tls
  bind :443 ssl crt-list /run/ingress/crt-list strict-sni
  option tcplog
  maxconn 4096
  default_backend app

frontend own
  no log
  bind /run/ingress/own.sock mode 600 ssl crt-list /run/ingress/crt-list strict-sni
  maxconn 8
  tcp-request session reject

backend app
  server app 127.0.0.1:1 disabled
`,
  );
});

test('without root there is nothing to give up', () => {
  assert.doesNotMatch(renderHaproxy(settings), /^ {2}(user|group|chroot) /m);
});

const servers: readonly [host: string, server: string][] = [
  ['app', 'server app 127.0.0.1:1 disabled'],
  ['my_app.default.svc', 'server app 127.0.0.1:1 disabled'],
  ['localhost', 'server app 127.0.0.1:1 disabled'],
  ['10.1.2.3', 'server app ipv4@10.1.2.3:80'],
  ['fd00::1', 'server app ipv6@[fd00::1]:80'],
];
for (const [host, server] of servers) {
  test(`the server of ${host}`, () => {
    const lines = renderHaproxy({ ...settings, target: { host, port: 80 } }).split('\n');
    assert.equal(lines.at(-2), `  ${server}`);
  });
}

test('application protocols are offered in their order, and none when there are none', () => {
  const bindOf = (alpn: readonly string[]) =>
    renderHaproxy({ ...settings, alpn })
      .split('\n')
      .find((line) => line.startsWith('  bind '));
  assert.match(bindOf(['h2', 'http/1.1']) ?? '', / strict-sni alpn h2,http\/1\.1$/);
  assert.match(bindOf([]) ?? '', / strict-sni$/);
});

const faults: Readonly<Record<string, Partial<ProxySettings>>> = {
  'port 0': { port: 0 },
  'port 65536': { port: 65_536 },
  'port 80.5': { port: 80.5 },
  'no port': { port: Number.NaN },
  'maxconn 0': { maxconn: 0 },
  'threads 0': { threads: 0 },
  'a drain time of a minute': { drainMs: 60_000 },
  'timeout 0, which would be none': { timeouts: { ...settings.timeouts, client: 0 } },
  'a timeout that overflows': { timeouts: { ...settings.timeouts, server: 2 ** 31 } },
  'a host with a line of its own': { target: { host: 'app\n  server evil 10.0.0.1:80', port: 80 } },
  'a host with a space': { target: { host: 'app send-proxy', port: 80 } },
  'an empty host': { target: { host: '', port: 80 } },
  'a host with a port': { target: { host: 'app:80', port: 80 } },
  'the unspecified address': { target: { host: '0.0.0.0', port: 80 } },
  'the unspecified IPv6 address': { target: { host: '::', port: 80 } },
  'an address with a zone': { target: { host: 'fe80::1%eth0', port: 80 } },
  'target port 0': { target: { host: 'app', port: 0 } },
  'a protocol with a space': { alpn: ['h2 no-tlsv13'] },
  'a protocol with a line of its own': { alpn: ['h2\n  bind :80'] },
  'two protocols in one': { alpn: ['h2,http/1.1'] },
  'an empty protocol': { alpn: [''] },
  'a path with a space': { paths: { ...settings.paths, socket: '/run/my ingress/sock' } },
  'a path with a quote': { paths: { ...settings.paths, crtList: '/run/"/crt-list' } },
  'a path that expands': { paths: { ...settings.paths, crtList: '/run/$HOME/crt-list' } },
  'a relative path': { paths: { ...settings.paths, crtList: 'crt-list' } },
  'a path too long for a socket': { paths: { ...settings.paths, socket: `/${'x'.repeat(97)}` } },
  'a user with a line of its own': { privileges: { user: 'x\nuid 0', group: 'x', chroot: '/' } },
};
for (const [what, fault] of Object.entries(faults)) {
  test(`${what} is a fault of the program`, () => {
    assert.throws(() => renderHaproxy({ ...settings, ...fault }), RangeError);
  });
}

test('which addresses can be connected to', () => {
  for (const good of ['127.0.0.1', '::1', '::ffff:10.0.0.1', '10.0.0.0'])
    assert.ok(isConnectable(good), good);
  for (const bad of ['0.0.0.0', '::', '0:0:0:0:0:0:0:0', 'fe80::1%1', 'app', '']) {
    assert.ok(!isConnectable(bad), bad);
  }
});

/** Numbers around every limit, and hosts and paths from plain to hostile. */
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
const protocol = fc.oneof(
  fc.constantFrom('h2', 'http/1.1', 'acme-tls/1', 'a+b', 'H2'),
  fc.string({ unit: fc.constantFrom(...'az09./+_-, #"\\\n') }),
);
/** Mostly right, so that one wrong value is seen for itself. */
const mostly = <T>(right: T, any: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(right) }, any);
const anySettings: fc.Arbitrary<ProxySettings> = fc
  .record({
    port: mostly(443, count),
    maxconn: mostly(4096, fc.oneof(count, fc.constant(500_000))),
    timeouts: fc.record({
      connect: mostly(1000, count),
      client: mostly(1000, count),
      server: mostly(1000, count),
    }),
    target: fc.record({ host, port: mostly(80, count) }),
    alpn: mostly<string[]>([], fc.array(protocol, { maxLength: 3 })),
    paths: fc.record({
      socket: mostly('/run/haproxy.sock', path),
      own: mostly('/run/own.sock', path),
      chroot: mostly('/tmp', path),
    }),
    root: fc.boolean(),
    drainMs: mostly(8000, count),
    threads: mostly<number | undefined>(undefined, count),
  })
  .map(({ threads, root, paths, ...rest }) => ({
    ...rest,
    paths: { socket: paths.socket, crtList: '/dev/null', own: paths.own },
    privileges: root ? { user: 'haproxy', group: 'haproxy', chroot: paths.chroot } : undefined,
    ...(threads === undefined ? {} : { threads }),
  }));

test('whatever is rendered, HAProxy accepts', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'render-'));
  const file = join(directory, 'haproxy.cfg');
  try {
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
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('whatever is rendered has the shape that was meant: nothing adds a line', () => {
  const shape = (text: string) => text.split('\n').map((line) => line.trim().split(' ')[0]);
  const property = fc.property(anySettings, (any) => {
    const text = renderOrUndefined(any);
    fc.pre(text !== undefined);
    const { threads, privileges } = any;
    const plain: ProxySettings = {
      ...settings,
      ...(threads === undefined ? {} : { threads: 1 }),
      privileges: privileges && { user: 'haproxy', group: 'haproxy', chroot: '/' },
    };
    assert.deepEqual(shape(text), shape(renderHaproxy(plain)));
    assert.ok(isPlainHost(any.target.host) && isPlainPath(any.paths.socket));
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
