import assert from 'node:assert/strict';
import { test } from 'node:test';
import { route, section, settings } from '../../../test/harness/proxy/settings.ts';
import { renderHaproxy } from './render.ts';
import type { ProxyRoute, Target } from './routes.ts';

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

test('the complete configuration for one TCP target, as root', () => {
  const privileges = { user: 'haproxy', group: 'haproxy', chroot: '/run/ingress/chroot' };
  assert.equal(renderHaproxy({ ...settings, privileges, threads: 2 }), WHOLE);
});

test('without root no privileges are dropped', () => {
  assert.doesNotMatch(renderHaproxy(settings), /^ {2}(user|group|chroot) /m);
});

const evidence = { evidencePort: 9000 };
const http: Partial<Target> = { speaks: 'http/1.1' };

test('with only a TCP target no connection is handled as HTTP', () => {
  const text = renderHaproxy({ ...settings, routes: [route('app.example', {}, ['h2', 'http/1.1'])] });
  assert.doesNotMatch(text, /switch-mode|mode http/);
});

test('with evidence, only clients of a TCP target that negotiated HTTP are handled as HTTP', () => {
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

test('with evidence, no client of a TCP target that does not offer HTTP is handled as HTTP', () => {
  const text = renderHaproxy({ ...settings, ...evidence, routes: [route('app.example', {}, ['imap'])] });
  assert.doesNotMatch(text, /switch-mode/);
});

test('with an HTTP and a TCP target, only clients of the HTTP target are handled as HTTP', () => {
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

const caches: readonly [what: string, routes: readonly ProxyRoute[], sessions: number][] = [
  ['one target', [route('a.example'), route('b.example')], 10_000],
  ['HTTP targets', [route('a.example', http), route('b.example', { ...http, port: 81 })], 10_000],
  ['an HTTP and a TCP target', [route('a.example', http), route('b.example')], 0],
];
for (const [what, routes, sessions] of caches) {
  test(`the session cache with ${what} holds ${sessions} sessions`, () => {
    assert.match(
      renderHaproxy({ ...settings, routes }),
      new RegExp(`^ {2}tune\\.ssl\\.cachesize ${sessions}$`, 'm'),
    );
  });
}

test('with a PROXY header, requests are aborted when the client closes its side, in every version of HTTP', () => {
  const routes = [route('a.example', http, ['h2', 'http/1.1'])];
  const text = renderHaproxy({ ...settings, acceptProxy: true, routes });
  for (const suffix of ['.h1.once', '.h1', '.h2.once', '.h2'])
    assert.ok(section(text, `backend http:app:80${suffix} `).includes('option abortonclose'));
});

const limits: readonly [what: string, routes: readonly ProxyRoute[], maxconn: number][] = [
  ['a TCP target', [route('a.example')], 4_104],
  ['a gRPC target', [route('a.example', { speaks: 'h2' })], 4_104],
  ['an HTTP target', [route('a.example', http)], 6_152],
  ['two HTTP targets', [route('a.example', http), route('b.example', { ...http, port: 81 })], 10_248],
  [
    'more targets than are provided for',
    Array.from({ length: 100 }, (_, index) => route(`n${index}.example`, { ...http, port: index + 1 })),
    18_440,
  ],
];
for (const [what, routes, maxconn] of limits) {
  test(`the global maxconn for ${what} is ${maxconn}`, () => {
    assert.match(renderHaproxy({ ...settings, routes }), new RegExp(`^ {2}maxconn ${maxconn}$`, 'm'));
  });
}

test('the PROXY header is expected before TLS', () => {
  const [, bind] = section(renderHaproxy({ ...settings, acceptProxy: true }), 'frontend tls ');
  assert.match(bind ?? '', /^bind ipv4@:443,ipv6@:443 v6only accept-proxy ssl /);
});

test('without IPv6 the frontend listens on one socket', () => {
  const [, bind] = section(renderHaproxy({ ...settings, ipv6: false }), 'frontend tls ');
  assert.match(bind ?? '', /^bind ipv4@:443 ssl /);
});
