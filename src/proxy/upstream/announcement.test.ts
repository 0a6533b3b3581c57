import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Target } from '../config/routes.ts';
import { upMessage } from './announcement.ts';

const cases: [target: Target, sentence: string][] = [
  [
    { host: 'app', port: 3000, speaks: 'http/1.1', tls: false },
    'https://app.example.com is up, forwarding to http://app:3000',
  ],
  [
    { host: 'app', port: 443, speaks: 'http/1.1', tls: true },
    'https://app.example.com is up, forwarding to https://app:443',
  ],
  [
    { host: 'api', port: 50_051, speaks: 'h2', tls: false },
    'https://app.example.com is up, forwarding to grpc://api:50051',
  ],
  [
    { host: 'fd00::1', port: 5432, speaks: 'tcp', tls: false },
    'app.example.com:443 (TLS) is up, forwarding to tcp://[fd00::1]:5432',
  ],
];
for (const [target, sentence] of cases)
  test(sentence, () => assert.equal(upMessage({ name: 'app.example.com', target, alpn: [] }), sentence));

test('what is offered beside HTTP is named', () => {
  const target = { host: 'db', port: 5432, speaks: 'tcp', tls: false } as const;
  assert.equal(
    upMessage({ name: 'db.example.com', target, alpn: ['postgresql', 'http/1.1'] }),
    'db.example.com:443 (TLS, postgresql) is up, forwarding to tcp://db:5432',
  );
});

test('what may keep it from being reached is named', () => {
  const target = { host: 'app', port: 3000, speaks: 'http/1.1', tls: false } as const;
  const sentence = (...doubts: string[]) =>
    upMessage({ name: 'app.example.com', target, alpn: [] }, doubts);
  assert.match(
    sentence('GATEWAY_DOMAIN'),
    /:\/\/app:3000, but see the warning about GATEWAY_DOMAIN: it may not be reached$/,
  );
  assert.match(
    sentence('GATEWAY_DOMAIN', 'the app at app'),
    /, but see the warnings about GATEWAY_DOMAIN and the app at app: it may not be reached$/,
  );
});
