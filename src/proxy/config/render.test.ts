import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { execa } from 'execa';
import fc from 'fast-check';
import { haproxyBin } from '../../../test/harness/proxy/proxy.ts';
import { backendsOf } from './backends.ts';
import { type ProxySettings, renderHaproxy } from './render.ts';
import { type Route, renderRouteMap, type Target } from './routes.ts';
import { isHost, isPlainPath } from './syntax.ts';

const WHOLE = `global
  log stdout len 2048 format short daemon
  stats socket /run/ingress/haproxy.sock mode 600 level admin
  maxconn 4104
  no strict-limits
  hard-stop-after 8000ms
  nbthread 2
  user haproxy
  group haproxy
  chroot /run/ingress/chroot
  tune.ssl.cachesize 10000
  tune.ssl.lifetime 3600s
  tune.bufsize 135168
  tune.http.maxhdr 1024
  tune.h2.max-frame-size 16384
  .if !version_atleast(3.1)
  .if version_atleast(2.9)
  tune.h2.fe.initial-window-size 1048576
  .else
  tune.h2.initial-window-size 1048576
  .endif
  .endif
  h2-workaround-bogus-websocket-clients
  ssl-default-bind-ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
  .if openssl_version_atleast(3.5.0)
  ssl-default-bind-curves X25519MLKEM768:X25519:P-256:P-384
  .else
  ssl-default-bind-curves X25519:P-256:P-384
  .endif
  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
  ssl-default-server-options ssl-min-ver TLSv1.2

defaults tcp
  mode tcp
  no option abortonclose
  log global
  option dontlog-normal
  retries 3
  timeout connect 10000ms
  timeout client 86400000ms
  timeout server 86400000ms
  timeout http-request 60000ms
  timeout http-keep-alive 86400000ms
  .if version_atleast(2.9)
  timeout client-hs 10000ms
  .endif
  .if version_atleast(3.3)
  default-server no-sni-auto
  .endif

frontend tls from tcp
  bind ipv4@:443,ipv6@:443 v6only ssl crt-list /run/ingress/crt-list strict-sni
  log-format "ended %ts %[var(sess.name),url_enc] %b/%s %ci %[bc_err_str]|%[ssl_bc_err_str]|%[fc_err_str]|%[ssl_fc_err_str]|%ST|%[var(txn.too_large)]"
  error-log-format "ended %ts %[ssl_fc_sni,lower,url_enc] %b/%s %ci %[bc_err_str]|%[ssl_bc_err_str]|%[fc_err_str]|%[ssl_fc_err_str]|%ST|%[var(txn.too_large)]"
  maxconn 4096
  tcp-request session set-var(sess.name) ssl_fc_sni,lower
  tcp-request session set-var(sess.route) var(sess.name),map_str(/run/ingress/routes.map)
  tcp-request session reject if !{ var(sess.route) -m found }
  use_backend %[var(sess.route)]

frontend own from tcp
  no log
  bind /run/ingress/own.sock mode 600 ssl crt-list /run/ingress/crt-list strict-sni
  maxconn 8
  tcp-request session reject

backend tcp:app:80 from tcp
  balance leastconn
  option redispatch 1
  server app 127.0.0.1:1 disabled weight 1
  server-template app 8 127.0.0.1:1 disabled weight 256 check observe layer4 error-limit 1 on-error mark-down
`;

const app: Target = { host: 'app', port: 80, speaks: 'tcp', tls: false };
const route = (name: string, target: Partial<Target>, alpn: readonly string[] = []): Route => ({
  ...{ name, target: { ...app, ...target }, alpn },
});

const settings: ProxySettings = {
  port: 443,
  ipv6: true,
  maxconn: 4096,
  timeouts: { connect: 10_000, client: 86_400_000, server: 86_400_000 },
  routes: [route('app.example', {})],
  acceptProxy: false,
  sendProxy: 'off',
  upstreamTls: { verify: true },
  evidencePort: undefined,
  paths: {
    socket: '/run/ingress/haproxy.sock',
    crtList: '/run/ingress/crt-list',
    routes: '/run/ingress/routes.map',
    own: '/run/ingress/own.sock',
  },
  privileges: undefined,
  drainMs: 8_000,
};

/** The lines of a section, without their indentation. */
function section(text: string, title: string): string[] {
  const found = text
    .trimEnd()
    .split('\n\n')
    .find((part) => part.startsWith(title));
  return (found ?? '').split('\n').map((line) => line.trim());
}

test('the whole text for one TCP target, as root', () => {
  const privileges = { user: 'haproxy', group: 'haproxy', chroot: '/run/ingress/chroot' };
  assert.equal(renderHaproxy({ ...settings, privileges, threads: 2 }), WHOLE);
});

test('without root there is nothing to give up', () => {
  assert.doesNotMatch(renderHaproxy(settings), /^ {2}(user|group|chroot) /m);
});

const servers: readonly [target: Partial<Target>, options: Partial<ProxySettings>, server: string][] = [
  [{}, {}, '127.0.0.1:1 disabled'],
  [{ host: 'my_app.default.svc' }, {}, '127.0.0.1:1 disabled'],
  [{ host: '10.1.2.3' }, {}, 'ipv4@10.1.2.3:80'],
  [{ host: 'fd00::1' }, {}, 'ipv6@[fd00::1]:80'],
  [{ host: '10.1.2.3' }, { sendProxy: 'v1' }, 'ipv4@10.1.2.3:80 send-proxy'],
  [{ host: '10.1.2.3' }, { sendProxy: 'v2' }, 'ipv4@10.1.2.3:80 send-proxy-v2'],
  [{ host: '10.1.2.3', speaks: 'http/1.1' }, {}, 'ipv4@10.1.2.3:80'],
  [{ host: '10.1.2.3', speaks: 'h2' }, {}, 'ipv4@10.1.2.3:80 proto h2 max-reuse 0'],
  [
    { tls: true },
    {},
    '127.0.0.1:1 disabled ssl verify required ca-file @system-ca sni str(app) verifyhost app',
  ],
  [
    { tls: true, speaks: 'http/1.1' },
    { upstreamTls: { verify: true, caFile: '/ca.pem' } },
    '127.0.0.1:1 disabled ssl verify required ca-file /ca.pem sni str(app) verifyhost app alpn http/1.1',
  ],
  [
    { tls: true, speaks: 'h2', host: '10.1.2.3' },
    { upstreamTls: { verify: false } },
    'ipv4@10.1.2.3:80 ssl verify none alpn h2 proto h2 max-reuse 0',
  ],
];
for (const [target, options, server] of servers) {
  test(`the server of ${JSON.stringify({ ...target, ...options })}`, () => {
    const text = renderHaproxy({ ...settings, ...options, routes: [route('app.example', target)] });
    const most = (target.speaks ?? 'tcp') === 'tcp' ? '' : ' maxconn 4096';
    const words = section(text, 'backend ').filter((line) => line.startsWith('server'));
    if (isIP(target.host ?? 'app') !== 0) return assert.deepEqual(words, [`server app ${server}${most}`]);
    assert.deepEqual(words, [
      `server app ${server}${most} weight 1`,
      `server-template app 8 ${server}${most} weight 256 check observe layer4 error-limit 1 on-error mark-down`,
    ]);
  });
}

const evidence = { evidencePort: 9000 };
const http: Partial<Target> = { speaks: 'http/1.1' };

test('a TCP target alone: bytes are never looked at', () => {
  const text = renderHaproxy({ ...settings, routes: [route('app.example', {}, ['h2', 'http/1.1'])] });
  assert.doesNotMatch(text, /switch-mode|mode http/);
});

test('with evidence, clients of a TCP target that negotiated HTTP are switched, and nobody else', () => {
  const text = renderHaproxy({ ...settings, ...evidence, routes: [route('app.example', {}, ['http/1.1'])] });
  const frontend = section(text, 'frontend tls ');
  assert.deepEqual(frontend.slice(-5), [
    'tcp-request content switch-mode http if { ssl_fc_alpn h2 http/1.1 }',
    'use_backend evidence if { ssl_fc_alpn h2 http/1.1 } { path_beg /evidences } { path -m reg ^/evidences(/|$) }',
    'use_backend %[var(sess.route)].h1.once if { ssl_fc_alpn http/1.1 } { var(sess.route) -m beg tcp: tls: } !{ method GET HEAD OPTIONS TRACE }',
    'use_backend %[var(sess.route)].h1 if { ssl_fc_alpn http/1.1 } { var(sess.route) -m beg tcp: tls: }',
    'use_backend %[var(sess.route)]',
  ]);
  assert.deepEqual(section(text, 'backend tcp:app:80.h1 '), [
    'backend tcp:app:80.h1 from plain-http',
    'balance leastconn',
    'option redispatch 1',
    'server app 127.0.0.1:1 disabled maxconn 4096 weight 1',
    'server-template app 8 127.0.0.1:1 disabled maxconn 4096 weight 256 check observe layer4 error-limit 1 on-error mark-down',
  ]);
  assert.deepEqual(section(text, 'backend tcp:app:80.h1.once '), [
    'backend tcp:app:80.h1.once from plain-http',
    'option http-server-close',
    ...section(text, 'backend tcp:app:80.h1 ').slice(1),
  ]);
});

test('with evidence, a TCP target that offers no HTTP has none to switch', () => {
  const text = renderHaproxy({ ...settings, ...evidence, routes: [route('app.example', {}, ['imap'])] });
  assert.doesNotMatch(text, /switch-mode/);
});

test('an HTTP target beside a TCP one: only its clients and those that negotiated HTTP are switched', () => {
  const routes = [route('a.example', http, ['h2', 'http/1.1']), route('b.example', { host: 'b' })];
  const text = renderHaproxy({ ...settings, routes });
  const frontend = section(text, 'frontend tls ');
  assert.ok(
    frontend.includes('tcp-request content switch-mode http if !{ var(sess.route) -m beg tcp: tls: }'),
  );
  const sections = ['.h1.once', '.h1', '.h2.once', '.h2'].map((suffix) =>
    section(text, `backend http:app:80${suffix} `),
  );
  const words = ['from http', 'http-server-close', 'abortonclose'];
  assert.deepEqual(
    sections.map((lines) => words.filter((word) => lines.some((line) => line.includes(word)))),
    [['from http', 'http-server-close'], ['from http'], words, ['from http', 'abortonclose']],
  );
});

const kept: readonly [what: string, routes: readonly Route[], sessions: number][] = [
  ['one app', [route('a.example', {}), route('b.example', {})], 10_000],
  ['apps that take requests', [route('a.example', http), route('b.example', { ...http, port: 81 })], 10_000],
  ['apps of which one takes bytes', [route('a.example', http), route('b.example', {})], 0],
];
for (const [what, routes, sessions] of kept) {
  test(`sessions are kept where none can lead to another app: ${what}`, () => {
    assert.match(
      renderHaproxy({ ...settings, routes }),
      new RegExp(`^ {2}tune\\.ssl\\.cachesize ${sessions}$`, 'm'),
    );
  });
}

test('behind a PROXY header, which hides who is gone, closing a side gives a request up in every version of HTTP', () => {
  const routes = [route('a.example', http, ['h2', 'http/1.1'])];
  const text = renderHaproxy({ ...settings, acceptProxy: true, routes });
  for (const suffix of ['.h1.once', '.h1', '.h2.once', '.h2'])
    assert.ok(section(text, `backend http:app:80${suffix} `).includes('option abortonclose'));
});

const provided: readonly [what: string, routes: readonly Route[], maxconn: number][] = [
  ['bytes', [route('a.example', {})], 4_104],
  ['gRPC', [route('a.example', { speaks: 'h2' })], 4_104],
  ['requests', [route('a.example', http)], 6_152],
  [
    'two apps that take requests',
    [route('a.example', http), route('b.example', { ...http, port: 81 })],
    10_248,
  ],
  [
    'more apps than can be provided for',
    Array.from({ length: 100 }, (_, index) => route(`n${index}.example`, { ...http, port: index + 1 })),
    18_440,
  ],
];
for (const [what, routes, maxconn] of provided) {
  test(`file descriptors are provided for: ${what}`, () => {
    assert.match(renderHaproxy({ ...settings, routes }), new RegExp(`^ {2}maxconn ${maxconn}$`, 'm'));
  });
}

test('names of one target share a backend', () => {
  const routes = [route('a.example', {}), route('b.example', {}), route('c.example', { port: 81 })];
  const text = renderHaproxy({ ...settings, routes });
  assert.equal(text.match(/^backend /gm)?.length, 2);
  assert.equal(renderRouteMap(routes), 'a.example tcp:app:80\nb.example tcp:app:80\nc.example tcp:app:81\n');
});

test('wildcards are looked up only where there are some', () => {
  const wild = [route('*.example', {}), route('a.example', { port: 81 })];
  assert.match(renderHaproxy({ ...settings, routes: wild }), /regsub/);
  assert.doesNotMatch(renderHaproxy(settings), /regsub/);
  assert.equal(renderRouteMap(wild), '*.example tcp:app:80\na.example tcp:app:81\n');
});

const wrongRoutes: readonly (readonly Route[])[] = [
  [route('a.example', {}), route('a.example', { port: 81 })],
  [route('a.example tcp:b:80', {})],
  [route('a.example\nb.example', {})],
  [route('A.example', {})],
  [route('*', {})],
];
for (const routes of wrongRoutes) {
  test(`routes of ${JSON.stringify(routes.map(({ name }) => name))} are a fault of the program`, () => {
    assert.throws(() => renderRouteMap(routes), RangeError);
  });
}

test('a PROXY header is asked for before TLS', () => {
  const [, bind] = section(renderHaproxy({ ...settings, acceptProxy: true }), 'frontend tls ');
  assert.match(bind ?? '', /^bind ipv4@:443,ipv6@:443 v6only accept-proxy ssl /);
});

test('without IPv6 there is one socket', () => {
  const [, bind] = section(renderHaproxy({ ...settings, ipv6: false }), 'frontend tls ');
  assert.match(bind ?? '', /^bind ipv4@:443 ssl /);
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
  'a host with a line of its own': {
    routes: [route('app.example', { host: 'app\n  server evil 10.0.0.1:80', port: 80 })],
  },
  'a host with a space': { routes: [route('app.example', { host: 'app send-proxy', port: 80 })] },
  'an empty host': { routes: [route('app.example', { host: '', port: 80 })] },
  'a host with a port': { routes: [route('app.example', { host: 'app:80', port: 80 })] },
  'the unspecified address': { routes: [route('app.example', { host: '0.0.0.0', port: 80 })] },
  'the unspecified IPv6 address': { routes: [route('app.example', { host: '::', port: 80 })] },
  'an address with a zone': { routes: [route('app.example', { host: 'fe80::1%eth0', port: 80 })] },
  'target port 0': { routes: [route('app.example', { host: 'app', port: 0 })] },
  'evidence at port 0': { evidencePort: 0 },
  'a file of authorities with a space': {
    routes: [route('app.example', { tls: true })],
    upstreamTls: { verify: true, caFile: '/my ca.pem' },
  },
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

const directory = mkdtempSync(join(tmpdir(), 'render-'));
after(() => rm(directory, { recursive: true }));
/** What HAProxy reads beside the configuration. */
const files = {
  crtList: '/dev/null',
  routes: join(directory, 'routes.map'),
};

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
/** Mostly right, so that one wrong value is seen for itself. */
const mostly = <T>(right: T, any: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(right) }, any);
const anyRoute: fc.Arbitrary<Route> = fc.record({
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
    appTls: fc.record({ verify: fc.boolean() }),
    evidencePort: fc.oneof(fc.constant(undefined), mostly(9000, count)),
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
    paths: { ...files, socket: paths.socket, own: paths.own },
    privileges: root ? { user: 'haproxy', group: 'haproxy', chroot: paths.chroot } : undefined,
    ...(threads === undefined ? {} : { threads }),
  }));

test('whatever is rendered, HAProxy accepts', async () => {
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

test('whatever is rendered has the shape that was meant: nothing adds a line', () => {
  const property = fc.property(anySettings, (any) => {
    const text = renderOrUndefined(any);
    fc.pre(text !== undefined);
    const words = text.split('\n').map((line) => line.trim().split(' ')[0]);
    const count = (word: string) => words.filter((candidate) => candidate === word).length;
    const servers = backendsOf(any.routes, any.evidencePort !== undefined).length;
    assert.equal(count('server'), servers + (any.evidencePort === undefined ? 0 : 1));
    assert.equal(count('backend'), count('server'));
    assert.deepEqual([count('bind'), count('frontend'), count('global'), count('stats')], [2, 2, 1, 1]);
    assert.ok(any.routes.every(({ target }) => isHost(target.host)) && isPlainPath(any.paths.socket));
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
