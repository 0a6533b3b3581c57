import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../src/config/secret.ts';
import { badSignature, type Operation, refused, unreachable, writePermission } from './errors.ts';
import { CLASSES, TYPES } from './wire.ts';

const key = { name: 'key', algorithm: 'hmac-sha256', secret: new Secret('c2VjcmV0') } as const;
const server = { host: 'ns1.example.com', port: 53 };
const asked: Operation = { doing: 'update app.example.com A', server, key, permission: 'Let it.' };
const NOW = new Date('2026-01-02T03:04:05Z');

const codes: readonly (readonly [rcode: string, code: string])[] = [
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
  test(`${rcode} is ${code}, and said as it is`, () => {
    const error = refused(rcode, asked);
    assert.equal(error.code, code);
    assert.match(error.message, new RegExp(`ns1\\.example\\.com (?:failed|refused) to update .*: ${rcode}$`));
  });
}

test('BADKEY is a key that is not known, or once it was taken something that it may not do', () => {
  const verdict = { kind: 'refused', error: 'BADKEY', serverTime: undefined } as const;
  const unknown = badSignature(verdict, asked, NOW, false);
  assert.equal(unknown.code, 'PROVIDER_CREDENTIALS_REJECTED');
  assert.match(
    unknown.hint,
    /^Set RFC2136_TSIG_KEY .* Knot gives the same answer for a key that no acl of the zone names/,
  );
  const { code, hint } = badSignature(verdict, asked, NOW, true);
  assert.equal(code, 'PROVIDER_PERMISSION_MISSING');
  assert.match(hint, /^Let it\. .*taken out/);
});

test('a signature that is not of the key is no answer', () => {
  assert.equal(badSignature({ kind: 'forged' }, asked, NOW, true).code, 'PROVIDER_BAD_ANSWER');
});

test('a server whose answer is too old is told by how much', () => {
  const serverTime = new Date(NOW.getTime() - 600_000);
  const error = badSignature({ kind: 'mistimed', serverTime }, asked, NOW, true);
  assert.match(error.message, /differ by 600 s: ours is ahead/);
});

test('the lines that are missing are made of what was to be written', () => {
  const record = { class: CLASSES.IN, ttl: 0, data: Buffer.alloc(0) };
  const changes = [
    { ...record, name: 'a.example.com', type: TYPES.A },
    { ...record, name: 'a.example.com', type: TYPES.CNAME },
    { ...record, name: '*.example.com', type: TYPES.CNAME },
    { ...record, name: 'a.example.com', type: TYPES.A },
  ];
  assert.match(
    writePermission(key, 'example.com', changes),
    /added to the update-policy of .*: grant "key" name a\.example\.com\. A AAAA CNAME CAA; grant "key" name \*\.example\.com\. A AAAA CNAME CAA;/,
  );
});

test('no secret is in what the network says', () => {
  assert.ok(!unreachable(new Error('what is c2VjcmV0?'), asked).message.includes('c2VjcmV0'));
});

test('a name server that is not found is a wrong variable, one that does not answer is not', () => {
  const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
  assert.match(unreachable(unknown, asked).hint, /Correct RFC2136_NAMESERVER/);
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  assert.match(unreachable(refused, asked).hint, /Check that TCP to port/);
});
