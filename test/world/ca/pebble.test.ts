import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import acme from 'acme-client';
import { askPebble } from '../management.ts';
import { createWorld, type World } from '../world.ts';
import { certificateId } from './certificate-id.ts';
import { startPebble } from './pebble.ts';
import { makeSelfSigned } from './self-signed.ts';

const HOUR_S = 3600;

let world: World;
before(async () => {
  world = await createWorld({ pebble: { validityS: HOUR_S } });
  acme.axios.defaults.httpsAgent = new Agent({ ca: await readFile(world.pebble.apiCaFile, 'utf8') });
});
after(() => world[Symbol.asyncDispose]());

const directory = async () => {
  const ca = await readFile(world.pebble.apiCaFile, 'utf8');
  const text = await askPebble(world.pebble.directoryUrl, ca, { signal: AbortSignal.timeout(500) });
  return JSON.parse(text) as Record<string, unknown>; // a JSON object (RFC 8555 §7.1.1)
};

/** Orders a certificate with a dns-01 challenge, using an independent client. */
async function issue(name: string): Promise<X509Certificate> {
  const { pebble, nameServers, zone } = world;
  const client = new acme.Client({
    directoryUrl: pebble.directoryUrl,
    accountKey: await acme.crypto.createPrivateEcdsaKey(),
    backoffMin: 50,
  });
  const [, csr] = await acme.crypto.createCsr(
    { altNames: [name] },
    await acme.crypto.createPrivateEcdsaKey(),
  );
  const chain = await client.auto({
    csr,
    email: 'somebody@example.test',
    termsOfServiceAgreed: true,
    challengePriority: ['dns-01'],
    skipChallengeVerification: true,
    challengeCreateFn: ({ identifier }, _, data) => {
      const challenge = { name: `_acme-challenge.${identifier.value}`, type: 'TXT', ttl: 60, data };
      return nameServers.publish(zone, [challenge]);
    },
    challengeRemoveFn: () => nameServers.publish(zone, []),
  });
  return new X509Certificate(chain);
}

test('lists renewalInfo and its one profile in the directory', async () => {
  const { renewalInfo, meta } = await directory();
  assert.equal(typeof renewalInfo, 'string');
  assert.deepEqual(Object.keys(Object(Object(meta).profiles)), ['classic']);
});

test('issues for a name whose challenge is published, with the configured validity', async () => {
  const certificate = await issue('app.example.test');
  assert.equal(certificate.subjectAltName, 'DNS:app.example.test');
  const seconds = (certificate.validToDate.getTime() - certificate.validFromDate.getTime()) / 1000;
  assert.ok(Math.abs(seconds - HOUR_S) <= 1, `valid for ${seconds} s`);
  assert.equal(world.pebble.orders(), 1);
  assert.equal(world.pebble.requests().get('POST /order-plz'), 1);
});

test('sets the renewal window of a certificate', async () => {
  const certificate = await issue('ari.example.test');
  const [start, end] = [new Date('2026-01-01T00:00:00Z'), new Date('2026-01-02T00:00:00Z')];
  const page = 'https://ca.example/why';
  await world.pebble.setRenewalWindow(certificate.toString(), start, end, page);
  const { renewalInfo } = await directory();
  const { data } = await acme.axios.get<unknown>(`${renewalInfo}/${certificateId(certificate)}`, {
    httpsAgent: acme.axios.defaults.httpsAgent,
  });
  assert.deepEqual(data, {
    suggestedWindow: { start: start.toISOString(), end: end.toISOString() },
    explanationURL: page,
  });
});

test('hangs when paused, refuses when stopped, and has another root and no state after a restart', async () => {
  const { pebble } = world;
  pebble.pause();
  await assert.rejects(directory(), { code: 'ABORT_ERR' });
  pebble.resume();
  await directory();
  const ordersBefore = pebble.orders();
  await pebble.stop();
  assert.deepEqual(pebble.pids, []);
  await assert.rejects(directory(), { code: 'ECONNREFUSED' });
  await pebble.start();
  await directory();
  assert.equal(pebble.roots.length, 2);
  assert.notEqual(pebble.roots[0], pebble.roots[1]);
  assert.equal(pebble.orders(), ordersBefore, 'the counts continue after a restart');
});

test('takes a host name, a certificate for it, and a log', async () => {
  const own = await mkdtemp(join(world.directory, 'own-'));
  const api = { certificate: join(own, 'own.crt'), privateKey: join(own, 'own.key') };
  await makeSelfSigned('DNS:localhost', api);
  const lines: string[] = [];
  await using pebble = await startPebble({
    directory: own,
    address: '127.0.0.1',
    host: 'localhost',
    api,
    dnsServer: world.dnsResolvers,
    log: (line) => lines.push(line),
  });
  assert.equal(pebble.apiCaFile, api.certificate);
  assert.equal(pebble.directoryUrl, 'https://localhost:14000/dir');
  assert.equal(pebble.roots.length, 1, 'the connection to its API was verified by name');
  assert.ok(lines.some((line) => line.includes('ACME directory available at')));
});
