import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConnectionFailure, readFailure } from './failure.ts';

/**
 * Log lines of HAProxy 2.6.12 and 3.0.11, apart from the ports. Where the versions differ, there is
 * one line of each.
 */
const lines: readonly [line: string, level: ConnectionFailure['level'], why: string, error?: string][] = [
  ['SC app.example tcp:127.0.0.1:80/app 127.0.0.1 -|-|Success|-', 'warn', 'refused'],
  ['SC app.example tcp:app:80/<NOSRV> 127.0.0.1 -|-|Success|-', 'warn', 'no-address'],
  [
    'SC app.example tls:app:443/app 127.0.0.1 SSL handshake failure|error:0A000086:SSL routines::certificate verify failed|Success|-',
    ...(['warn', 'tls', 'SSL handshake failure: certificate verify failed'] as const),
  ],
  [
    'SC app.example http:app:80/app 127.0.0.1 Reached configured maxconn value|-|Success|-',
    ...(['warn', 'resources', 'Reached configured maxconn value'] as const),
  ],
  ['sC app.example http:app:80/app 127.0.0.1 -|-|Success|-', 'warn', 'connect-timeout'],
  ['SH app.example http:app:80/app 127.0.0.1 Success|-|Success|-', 'warn', 'broke-off'],
  [
    'SH app.example http:app:80/app 127.0.0.1 ECONNRESET returned by OS|-|Success|-',
    ...(['warn', 'broke-off', 'ECONNRESET returned by OS'] as const),
  ],
  ['sH app.example http:app:80/app 127.0.0.1 Success|-|Success|-', 'warn', 'no-answer'],
  ['PH app.example http:app:80/app 127.0.0.1 Success|-|Success|-', 'warn', 'not-http'],
  ['SD app.example http:app:80/app 127.0.0.1 Success|-|Success|-', 'warn', 'broke-off'],
  ['sD app.example tcp:app:80/app 127.0.0.1 Success|-|Success|-', 'warn', 'silent'],
  ['RC app.example tcp:app:80/app 127.0.0.1 -|-|Success|-', 'warn', 'resources'],
  ['KH app.example http:app:80.h1/app 127.0.0.1 Success|-|Success|-', 'debug', 'let-go'],
  ['KC app.example http:app:80.h1/app 127.0.0.1 Success|-|Success|-', 'debug', 'let-go'],
  [
    'KC app.example http:app:80.h1.once/app 127.0.0.1 Success|-|Poller reported POLLERR|-',
    ...(['debug', 'let-go', 'Poller reported POLLERR'] as const),
  ],
  ['CD app.example tcp:app:80/app 127.0.0.1 Success|-|Success|-', 'debug', 'ended'],
  [
    'CD app.example tcp:app:80/app 127.0.0.1 Success|-|Connection error|-',
    'debug',
    'ended',
    'Connection error',
  ],
  ['cD app.example tcp:app:80/app 127.0.0.1 Success|-|Success|-', 'debug', 'ended'],
  ['-- app.example http:app:80/app 127.0.0.1 Success|-|Success|-', 'debug', 'ended'],
  ['PR app.example tls/<NOSRV> 127.0.0.1 -|-|Success|-', 'debug', 'bad-request'],
  [
    'PR - tls/<NOSRV> 127.0.0.1 -|-|Connection closed during SSL handshake|-',
    ...(['debug', 'handshake', 'Connection closed during SSL handshake'] as const),
  ],
  [
    'PR - tls/<NOSRV> 127.0.0.1 -|-|Timeout during SSL handshake|-',
    ...(['debug', 'handshake', 'Timeout during SSL handshake'] as const),
  ],
  [
    'PR - tls/<NOSRV> 127.0.0.1 -|-|SSL handshake failure|error:0A00009C:SSL routines::http request',
    ...(['info', 'handshake', 'SSL handshake failure: http request'] as const),
  ],
  [
    'PR - tls/<NOSRV> 127.0.0.1 -|-|ECONNRESET returned by OS|-',
    ...(['debug', 'handshake', 'ECONNRESET returned by OS'] as const),
  ],
  [
    'CH app.example http:app:80/app 127.0.0.1 Success|-|Poller reported POLLERR|-',
    'debug',
    'ended',
    'Poller reported POLLERR',
  ],
  ['PR - tls/<NOSRV> 127.0.0.1 -|-|SSL handshake failure|-', 'info', 'handshake', 'SSL handshake failure'],
  [
    'PR - tls/<NOSRV> 127.0.0.1 -|-|Truncated PROXY protocol header received|-',
    ...(['info', 'proxy-header', 'Truncated PROXY protocol header received'] as const),
  ],
  [
    'PR - tls/<NOSRV> 127.0.0.1 -|-|Connection closed while waiting for PROXY protocol header|-',
    ...(['debug', 'proxy-header', 'Connection closed while waiting for PROXY protocol header'] as const),
  ],
];
for (const [line, level, why, error] of lines) {
  test(`${level} ${why}: ${line}`, () => {
    const failure = readFailure(`ended ${line}|0|-`);
    assert.deepEqual([failure?.level, failure?.why, failure?.error], [level, why, error]);
  });
}

test('a client that requests a name that is not served is logged with that name', () => {
  const refused = 'SSL handshake failure|error:0A0000EA:SSL routines::callback failed|0|-';
  const unknown = readFailure(`ended PR other.example tls 192.0.2.1 -|-|${refused}`);
  assert.deepEqual([unknown?.level, unknown?.why, unknown?.domain], ['info', 'handshake', 'other.example']);
});

test('a header that is too large is logged as such, with its side', () => {
  const request = readFailure('ended PR a.example http:app:80.h2/<NOSRV> 192.0.2.1 -|-|-|-|431|request');
  assert.deepEqual(
    [request?.why, request?.level, request?.status],
    ['request-header-too-large', 'info', 431],
  );
  const response = readFailure('ended PH a.example http:app:80.h2/app 192.0.2.1 -|-|-|-|502|response');
  assert.deepEqual([response?.why, response?.level, response?.status], ['header-too-large', 'warn', 502]);
});

test('fields that HAProxy does not know are undefined', () => {
  const failure = readFailure('ended SH a.example tcp:app:80.h2 2001:db8::1 Success|-|Success|-|502|-');
  assert.deepEqual(
    [failure?.domain, failure?.target, failure?.client, failure?.status],
    ['a.example', 'tcp:app:80', '2001:db8::1', 502],
  );
  for (const backend of ['tcp:app:80', 'tcp:app:80.h1', 'tcp:app:80.h1.once', 'tcp:app:80.once'])
    assert.equal(readFailure(`ended SH a.example ${backend} 192.0.2.1 -|-|-|-|502|-`)?.target, 'tcp:app:80');
  assert.equal(readFailure('ended KC a.example http:a:80.h1/app 192.0.2.1 -|-|-|-|500|-')?.status, undefined);
  const early = readFailure('ended PR - tls 192.0.2.1 -|-|SSL handshake failure|-|0|-');
  assert.deepEqual([early?.domain, early?.target, early?.client], [undefined, undefined, '192.0.2.1']);
  // Without a status HAProxy logs 0 before a request, and -1 for a TCP connection.
  assert.equal(early?.status, undefined);
  assert.equal(readFailure('ended SC a.example tcp:app:80 192.0.2.1 -|-|Success|-|-1|-')?.status, undefined);
});

for (const line of [
  '',
  'ended',
  'ended SC a b c',
  'Server app is UP',
  'x ended SC a b c -|-|-|-|0|-',
  'ended SC a b c -|-|-|-',
]) {
  test(`not a failure: ${JSON.stringify(line)}`, () => assert.equal(readFailure(line), undefined));
}
