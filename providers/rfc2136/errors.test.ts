import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../src/config/secret.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { badSignature, type Operation, refused, unreachable, writePermission } from './errors.ts';
import { CLASSES, TYPES } from './wire.ts';

const key = { name: 'key', algorithm: 'hmac-sha256', secret: new Secret('c2VjcmV0') } as const;
const server = { host: 'ns1.example.com', port: 53 };
const permission = { hint: 'Let it.', bind: ['grant it;'] };
const records = ['app.example.com A'];
const asked: Operation = { doing: 'update app.example.com A', server, key, records, permission };
const NOW = new Date('2026-01-02T03:04:05Z');

const codes: readonly (readonly [rcode: string, code: ErrorCode])[] = [
  ['FORMERR', 'PROVIDER_REJECTED'],
  ['SERVFAIL', 'PROVIDER_UNAVAILABLE'],
  ['NXDOMAIN', 'PROVIDER_CONFLICT'],
  ['NOTIMP', 'PROVIDER_REJECTED'],
  ['REFUSED', 'PROVIDER_PERMISSION_MISSING'],
  ['YXDOMAIN', 'PROVIDER_CONFLICT'],
  ['YXRRSET', 'PROVIDER_CONFLICT'],
  ['NXRRSET', 'PROVIDER_CONFLICT'],
  ['NOTAUTH', 'PROVIDER_PERMISSION_MISSING'],
  ['NOTZONE', 'ZONE_MISMATCH'],
  ['RCODE11', 'PROVIDER_REJECTED'],
];
for (const [rcode, code] of codes) {
  test(`${rcode} is ${code}`, () => {
    const error = refused(rcode, asked);
    assert.equal(error.code, code);
    const lacksPermission = code === 'PROVIDER_PERMISSION_MISSING';
    assert.deepEqual(error.details, {
      ...{ rcode, records },
      ...(lacksPermission && { suspects: ['acl'], bind: permission.bind }),
    });
    assert.equal(error.hint === permission.hint, lacksPermission);
  });
}

test('BADKEY is an unknown key, or a missing permission if the server has accepted the key before', () => {
  const verdict = { kind: 'refused', error: 'BADKEY', serverTime: undefined } as const;
  const unknown = badSignature(verdict, asked, NOW, false);
  assert.equal(unknown.code, 'PROVIDER_CREDENTIALS_REJECTED');
  assert.deepEqual(unknown.details, {
    ...{ tsigError: 'BADKEY', suspects: ['key', 'acl'], key: 'key', algorithm: 'hmac-sha256' },
  });
  const { code, details } = badSignature(verdict, asked, NOW, true);
  assert.equal(code, 'PROVIDER_PERMISSION_MISSING');
  const { bind } = permission;
  assert.deepEqual(details, { tsigError: 'BADKEY', suspects: ['acl', 'key'], bind, records });
});

test('BADSIG is a wrong secret', () => {
  const verdict = { kind: 'refused', error: 'BADSIG', serverTime: undefined } as const;
  const { code, details } = badSignature(verdict, asked, NOW, false);
  assert.equal(code, 'PROVIDER_CREDENTIALS_REJECTED');
  assert.deepEqual([details['tsigError'], details['suspects']], ['BADSIG', ['secret']]);
});

for (const kind of ['forged', 'unsigned'] as const) {
  test(`a response that is ${kind} is PROVIDER_BAD_ANSWER`, () => {
    const { code, details } = badSignature({ kind }, asked, NOW, true);
    assert.deepEqual([code, details], ['PROVIDER_BAD_ANSWER', { reason: kind }]);
  });
}

for (const aheadSeconds of [600, -600]) {
  test(`a response that is ${aheadSeconds} s too old has the difference among the details`, () => {
    const serverTime = new Date(NOW.getTime() - aheadSeconds * 1000);
    const { code, details } = badSignature({ kind: 'mistimed', serverTime }, asked, NOW, true);
    assert.equal(code, 'PROVIDER_CREDENTIALS_REJECTED');
    assert.deepEqual(details, { tsigError: 'BADTIME', suspects: ['clock'], aheadSeconds });
  });
}

test('the missing statements are made from the names and types of the update', () => {
  const record = { class: CLASSES.IN, ttl: 0, data: Buffer.alloc(0) };
  const changes = [
    { ...record, name: 'a.example.com', type: TYPES.A },
    { ...record, name: 'a.example.com', type: TYPES.CNAME },
    { ...record, name: '*.example.com', type: TYPES.CNAME },
    { ...record, name: 'a.example.com', type: TYPES.A },
  ];
  const { bind, hint } = writePermission(key, 'example.com', changes);
  assert.deepEqual(bind, [
    'grant "key" name a.example.com. A AAAA CNAME CAA;',
    'grant "key" name *.example.com. A AAAA CNAME CAA;',
  ]);
  for (const statement of bind) assert.ok(hint.includes(statement), hint);
});

test('the secret is removed from the message of a network failure', () => {
  assert.ok(!unreachable(new Error('what is c2VjcmV0?'), asked).message.includes('c2VjcmV0'));
});

test('an unknown name of the name server is told apart from a server that does not answer', () => {
  const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
  const reasonOf = (cause: unknown) => {
    const { details, hint } = unreachable(cause, asked);
    assert.deepEqual([details['host'], details['port']], ['ns1.example.com', 53]);
    return [details['reason'], hint];
  };
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const [notFound, noResponse] = [reasonOf(unknown), reasonOf(refused)];
  assert.deepEqual([notFound[0], noResponse[0]], ['name-not-found', 'no-response']);
  assert.notEqual(notFound[1], noResponse[1]);
});
