import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import { route } from '../../../test/harness/proxy/settings.ts';
import { backendsOf } from './backends.ts';
import type { Target } from './routes.ts';
import { type ServerOptions, serverLines } from './servers.ts';

const options: ServerOptions = { sendProxy: 'off', upstreamTls: { verify: true } };

const servers: readonly [target: Partial<Target>, change: Partial<ServerOptions>, server: string][] = [
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
for (const [target, change, server] of servers) {
  test(`the server lines of ${JSON.stringify({ ...target, ...change })}`, () => {
    const [backend] = backendsOf([route('app.example', target)], false);
    assert.ok(backend);
    const lines = serverLines(backend, { ...options, ...change }, 4096);
    if (isIP(target.host ?? 'app') !== 0)
      return assert.deepEqual(lines, [`server app ${server} maxconn 4096`]);
    assert.deepEqual(lines, [
      'balance leastconn',
      'option redispatch 1',
      `server app ${server} maxconn 4096 weight 1`,
      `server-template app 8 ${server} maxconn 4096 weight 256 check observe layer4 error-limit 1 on-error mark-down`,
    ]);
  });
}

test('without a limit of connections there is no maxconn', () => {
  const [backend] = backendsOf([route('app.example', { host: '10.1.2.3' })], false);
  assert.ok(backend);
  assert.deepEqual(serverLines(backend, options, undefined), ['server app ipv4@10.1.2.3:80']);
});
