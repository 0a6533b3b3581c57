import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { splitChain } from '../../src/certificates/chain.ts';
import { makeRoot } from '../harness/ca/certificate-tree.ts';
import { type Environment, environmentFor } from '../world/ingress.ts';
import { again, ingressIn, worldFor } from './support.ts';

/** Chains with superfluous certificates, from a CA and on an existing volume. */

const NAME = 'app.example.test';

/** The fingerprints of the certificates that a client receives, in order. */
async function sent({ PORT }: Environment): Promise<string[]> {
  const args = ['s_client', '-connect', `127.0.0.1:${PORT}`, '-servername', NAME, '-showcerts'];
  const { stdout } = await execa('openssl', args, { input: '' });
  return fingerprints(stdout);
}

const fingerprints = (pem: string) =>
  splitChain(pem).map((block) => new X509Certificate(block).fingerprint256);

test('a chain on the volume with a duplicate intermediate is served without the duplicate, and its file stays unchanged', async (t) => {
  const world = await worldFor(t);
  await world.acmeFront.stop();
  const environment = await environmentFor(world, { ACME_DIRECTORY_URL: world.acmeFront.directoryUrl });
  const intermediate = await (await makeRoot('Root')).below('Intermediate');
  const { chainPem: leaf, keyPem } = await intermediate.issue([NAME]);
  const untidy = `Bag Attributes\r\n${(leaf + intermediate.pem + intermediate.pem).replaceAll('\n', '\r\n')}`;
  const root = environment['LETSENCRYPT_DIR'] ?? '';
  const parts = { cert: leaf, chain: intermediate.pem, fullchain: untidy, privkey: keyPem };
  for (const folder of ['live', 'archive']) mkdirSync(join(root, folder, NAME), { recursive: true });
  for (const [part, text] of Object.entries(parts)) {
    writeFileSync(join(root, 'archive', NAME, `${part}1.pem`), text);
    symlinkSync(`../../archive/${NAME}/${part}1.pem`, join(root, 'live', NAME, `${part}.pem`));
  }
  const file = join(root, 'live', NAME, 'fullchain.pem');
  const before = statSync(file).mtimeMs;
  const ingress = again(t, environment);
  await ingress.seen('serving');
  assert.deepEqual(await sent(environment), fingerprints(leaf + intermediate.pem));
  const { dropped, domain } = await ingress.seen('chain-cleaned');
  const [entry, ...others] = [dropped].flat();
  assert.deepEqual([String(entry).split(' ')[0], others], ['CN=Intermediate', []]);
  assert.equal(domain, NAME);
  await ingress.seen('pass-finished');
  assert.equal(readFileSync(file, 'utf8'), untidy);
  assert.equal(statSync(file).mtimeMs, before);
});

test('a chain from the CA with a duplicate intermediate is stored and served without it, after one order', async (t) => {
  const world = await worldFor(t);
  const isDownload = ({ kind }: { readonly kind: string }) => kind === 'POST /certZ/';
  const doubled = (body: unknown) => {
    const [leaf = '', ...issuers] = splitChain(String(body));
    return leaf + issuers.join('') + issuers.join('');
  };
  world.acmeFront.failWhen(isDownload, { kind: 'rewrite', body: doubled });
  const ingress = await ingressIn(t, world, { ACME_DIRECTORY_URL: world.acmeFront.directoryUrl });
  await ingress.seen('pass-finished');
  await ingress.seen('chain-cleaned');
  const { environment } = ingress;
  const stored = readFileSync(
    join(environment['LETSENCRYPT_DIR'] ?? '', 'live', NAME, 'fullchain.pem'),
    'utf8',
  );
  assert.deepEqual(await sent(environment), fingerprints(stored));
  assert.equal(new Set(fingerprints(stored)).size, splitChain(stored).length);
  assert.equal(world.pebble.orders(), 1);
});
