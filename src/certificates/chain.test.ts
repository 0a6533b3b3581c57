import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { makeRoot } from '../../test/harness/ca/certificate-tree.ts';
import { cleanChain, splitChain } from './chain.ts';

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

const chains: [title: string, text: string, path: string[], dropped: RegExp[]][] = [
  ['leaf and intermediate', leaf + I, [leaf, I], []],
  ['a leaf alone', leaf, [leaf], []],
  ['a root at the end', leaf + I + R, [leaf, I, R], []],
  ['the intermediate twice', leaf + I + I, [leaf, I], [/^CN=Intermediate \(it is there already\)$/]],
  ['the leaf twice', leaf + leaf + I, [leaf, I], [/^CN=app\.example\.com \(it is there already\)$/]],
  ['the whole chain twice', leaf + I + leaf + I, [leaf, I], [/already/, /already/]],
  ['the leaf at the end', R + I + leaf, [leaf, I, R], []],
  ['issuers in the wrong order', leaf + R + I, [leaf, I, R], []],
  [
    'another intermediate between',
    leaf + other.pem + I,
    [leaf, I],
    [/^CN=Other \(it has issued none of the others\)$/],
  ],
  ['another leaf in front', stranger + leaf + I, [leaf, I], [/^CN=www\.example\.com \(it has issued none/]],
  ['another root at the end', leaf + I + oldRoot.pem, [leaf, I], [/^CN=Old Root \(it has issued none/]],
  ['a cross-signed root', leaf + I + crossed + oldRoot.pem, [leaf, I, crossed, oldRoot.pem], []],
  ['a cross-sign that has expired', leaf + I + crossedPast, [leaf, I], [/^CN=Root \(it expired at /]],
  [
    'a cross-sign that has expired, with its root',
    leaf + I + crossedPast + oldRoot.pem,
    [leaf, I],
    [/^CN=Root \(it expired at /, /^CN=Old Root \(it has issued none/],
  ],
  ['an expired one before the root', leaf + I + crossedPast + R, [leaf, I, R], [/^CN=Root \(it expired at /]],
  [
    'an expired twin of the intermediate',
    leaf + intermediatePast + I,
    [leaf, I],
    [/^CN=Intermediate \(it expired/],
  ],
  ['junk between', `Bag Attributes\n${leaf}\nsubject=CN = x\n\n${I}\n# end`, [leaf, I], []],
  ['a byte order mark', `\uFEFF${leaf}${I}`, [leaf, I], []],
  ['CRLF', crlf(leaf + I), [leaf, I], []],
  ['a private key between', `${leaf}${keyPem}\n${I}`, [leaf, I], []],
  ['one that cannot be parsed', leaf + damaged + I, [leaf, I], [/^1 that cannot be parsed$/]],
  ['half of one', `${leaf}${half}\n${I}`, [leaf, I], []],
  ['no line break between', leaf.trim() + I.trim(), [leaf, I], []],
];
for (const [title, text, path, dropped] of chains) {
  test(`${title}: the path is kept, the rest is named`, () => {
    const clean = cleanChain(text, key, now);
    assert.deepEqual(
      clean?.path.map(({ fingerprint256 }) => fingerprint256),
      path.map((pem) => new X509Certificate(pem).fingerprint256),
    );
    assert.equal(clean?.dropped.length, dropped.length, String(clean?.dropped));
    for (const [index, reason] of dropped.entries()) assert.match(clean?.dropped[index] ?? '', reason);
    assert.doesNotMatch(clean?.path.map(String).join('') ?? '', /\r/);
    assert.equal(splitChain(clean?.path.map(String).join('') ?? '').length, path.length);
  });
}

test('a leaf without a subject may stand twice', () => {
  const clean = cleanChain(nameless + nameless + I, createPrivateKey(namelessKey), now);
  assert.deepEqual([clean?.path.length, clean?.dropped], [2, ['one without a name (it is there already)']]);
});

test('of two certificates of one key the one that is valid is the leaf', async () => {
  const oldLeaf = await oldRoot.crossSign({ ...intermediate, name: 'app.example.com' }, PAST);
  const newLeaf = await oldRoot.crossSign({ ...intermediate, name: 'app.example.com' });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', intermediate.keys.privateKey);
  const own = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  const leafOf = (text: string) => cleanChain(text, own, now)?.path[0].fingerprint256;
  assert.equal(leafOf(oldLeaf + newLeaf), new X509Certificate(newLeaf).fingerprint256);
  assert.equal(leafOf(oldLeaf), new X509Certificate(oldLeaf).fingerprint256);
});

for (const text of [stranger + I, '', damaged])
  test(`a text of ${splitChain(text).length} certificates without the key's is no chain`, () =>
    assert.equal(cleanChain(text, key, now), undefined));
