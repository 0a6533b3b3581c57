import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { makeRoot } from '../../test/harness/ca/certificate-tree.ts';
import { cleanChain, type DroppedCertificate, splitChain } from './chain.ts';

const DAY_MS = 86_400_000;
const now = new Date();
const days = (count: number) => new Date(now.getTime() + count * DAY_MS);
const PAST = { notBefore: days(-400), notAfter: days(-1) };

const root = await makeRoot('Root');
const oldRoot = await makeRoot('Old Root');
const intermediate = await root.below('Intermediate');
const other = await root.below('Other');
const { chainPem: leaf, keyPem } = await intermediate.issue(['app.example.com']);
const { chainPem: nameless, keyPem: namelessKey } = await intermediate.issue(['app.example.com'], {
  subject: '',
});
const stranger = (await other.issue(['www.example.com'])).chainPem;
const key = createPrivateKey(keyPem);

const [I, R] = [intermediate.pem, root.pem];
const crossed = await oldRoot.crossSign(root);
const crossedPast = await oldRoot.crossSign(root, PAST);
const intermediatePast = await root.crossSign(intermediate, PAST);
const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const half = I.slice(0, I.length / 2);
const crlf = (text: string) => text.replaceAll('\n', '\r\n');

const chains: [title: string, text: string, path: string[], dropped: DroppedCertificate['reason'][]][] = [
  ['leaf and intermediate', leaf + I, [leaf, I], []],
  ['a leaf alone', leaf, [leaf], []],
  ['a chain with the root at the end', leaf + I + R, [leaf, I, R], []],
  ['a chain with the intermediate twice', leaf + I + I, [leaf, I], ['duplicate']],
  ['a chain with the leaf twice', leaf + leaf + I, [leaf, I], ['duplicate']],
  ['the whole chain twice', leaf + I + leaf + I, [leaf, I], ['duplicate', 'duplicate']],
  ['a chain with the leaf at the end', R + I + leaf, [leaf, I, R], []],
  ['a chain with issuers in the wrong order', leaf + R + I, [leaf, I, R], []],
  ['a chain with an unrelated intermediate', leaf + other.pem + I, [leaf, I], ['unrelated']],
  ['a chain with an unrelated leaf in front', stranger + leaf + I, [leaf, I], ['unrelated']],
  ['a chain with an unrelated root', leaf + I + oldRoot.pem, [leaf, I], ['unrelated']],
  ['a chain with a cross-signed root', leaf + I + crossed + oldRoot.pem, [leaf, I, crossed, oldRoot.pem], []],
  ['a chain with an expired cross-sign', leaf + I + crossedPast, [leaf, I], ['expired']],
  [
    'a chain with an expired cross-sign and its root',
    leaf + I + crossedPast + oldRoot.pem,
    [leaf, I],
    ['expired', 'unrelated'],
  ],
  [
    'a chain with an expired cross-sign before the root',
    leaf + I + crossedPast + R,
    [leaf, I, R],
    ['expired'],
  ],
  [
    'a chain with an expired version of the intermediate',
    leaf + intermediatePast + I,
    [leaf, I],
    ['expired'],
  ],
  ['a chain with text between', `Bag Attributes\n${leaf}\nsubject=CN = x\n\n${I}\n# end`, [leaf, I], []],
  ['a chain with a byte order mark', `\uFEFF${leaf}${I}`, [leaf, I], []],
  ['a chain with CRLF', crlf(leaf + I), [leaf, I], []],
  ['a chain with a private key between', `${leaf}${keyPem}\n${I}`, [leaf, I], []],
  ['a chain with a certificate that cannot be parsed', leaf + damaged + I, [leaf, I], ['unparsable']],
  ['a chain with a truncated certificate', `${leaf}${half}\n${I}`, [leaf, I], []],
  ['a chain without a line break between', leaf.trim() + I.trim(), [leaf, I], []],
];
for (const [title, text, path, dropped] of chains) {
  test(`cleanChain of ${title} keeps the path, and drops other certificates with a reason`, () => {
    const clean = cleanChain(text, key, now);
    assert.deepEqual(
      clean?.path.map(({ fingerprint256 }) => fingerprint256),
      path.map((pem) => new X509Certificate(pem).fingerprint256),
    );
    assert.deepEqual(
      clean?.dropped.map(({ reason }) => reason),
      dropped,
    );
    assert.doesNotMatch(clean?.path.map(String).join('') ?? '', /\r/);
    assert.equal(splitChain(clean?.path.map(String).join('') ?? '').length, path.length);
  });
}

test('a duplicate of a leaf without a subject is dropped', () => {
  const clean = cleanChain(nameless + nameless + I, createPrivateKey(namelessKey), now);
  assert.deepEqual([clean?.path.length, clean?.dropped.map(({ reason }) => reason)], [2, ['duplicate']]);
});

test('of two certificates with the same key, the valid one is the leaf', async () => {
  const oldLeaf = await oldRoot.crossSign({ ...intermediate, name: 'app.example.com' }, PAST);
  const newLeaf = await oldRoot.crossSign({ ...intermediate, name: 'app.example.com' });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', intermediate.keys.privateKey);
  const own = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  const leafOf = (text: string) => cleanChain(text, own, now)?.path[0].fingerprint256;
  assert.equal(leafOf(oldLeaf + newLeaf), new X509Certificate(newLeaf).fingerprint256);
  assert.equal(leafOf(oldLeaf), new X509Certificate(oldLeaf).fingerprint256);
});

for (const text of [stranger + I, '', damaged])
  test(`cleanChain of ${splitChain(text).length} certificates, none of them for the key, is undefined`, () =>
    assert.equal(cleanChain(text, key, now), undefined));
