import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { globSync, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { certbotOn } from '../world/ca/certbot.ts';
import { type Environment, environmentFor } from '../world/ingress.ts';
import type { World } from '../world/world.ts';
import { again, eventually, handshake, worldFor } from './support.ts';

/** Volumes written by the real certbot, called like in the older, certbot-based container. */

const volumeOf = (environment: Environment) => environment['LETSENCRYPT_DIR'] ?? '';
const certificateIn = (volume: string, lineage: string) =>
  new X509Certificate(readFileSync(join(volume, 'live', lineage, 'cert.pem')));

/** The URL of certbot's only account. */
function accountUrl(volume: string): string {
  const [path = ''] = globSync(join(volume, 'accounts/*/dir/*/regr.json'));
  return JSON.parse(readFileSync(path, 'utf8')).uri;
}

/** All of certbot's files on the volume, each with its mode and content. */
function contents(volume: string): string[] {
  return globSync('**/*', { cwd: volume })
    .filter((path) => !path.startsWith('dstack-ingress'))
    .map((path) => {
      const stats = lstatSync(join(volume, path));
      const text = stats.isSymbolicLink() ? readlinkSync(join(volume, path)) : '';
      return `${stats.mode.toString(8)} ${path} ${text || (stats.isFile() ? readFileSync(join(volume, path)) : '')}`;
    })
    .sort();
}

/** The number of requests for an account and for an order. */
function asked({ pebble }: World) {
  const requests = pebble.requests();
  return { accounts: requests.get('POST /sign-me-up') ?? 0, orders: requests.get('POST /order-plz') ?? 0 };
}

/** The older container's records: alias, app-address, CAA. */
function plantRecords(
  { cloudflare, zone, guestAgent, gatewayDomain }: World,
  environment: Environment,
  account: string,
) {
  const { DOMAIN: domain = '', PORT: port } = environment;
  const base = domain.replace(/^\*\./, '');
  const [tag, label] = domain === base ? ['issue', ''] : ['issuewild', '-wildcard'];
  const value = `pebble.letsencrypt.org;validationmethods=dns-01;accounturi=${account}`;
  return [
    { name: domain, type: 'CNAME', content: gatewayDomain },
    {
      name: `_dstack-app-address${label}.${base}`,
      type: 'TXT',
      content: `"${guestAgent.appId}:${port}"`,
    },
    { name: base, type: 'CAA', content: `0 ${tag} "${value}"`, data: { flags: 0, tag, value } },
  ].map((record) => cloudflare.addRecord(zone, { ...record, ttl: 60 }));
}

interface Case {
  readonly title: string;
  readonly domain: string;
  /** The domains that certbot issues for, in this order; the last one is DOMAIN. */
  readonly issued: readonly string[];
  readonly lineage: string;
  readonly servername: string;
  readonly keyType: 'rsa' | 'ecdsa';
}

const cases: readonly Case[] = [
  {
    title: 'a name',
    domain: 'app.example.test',
    issued: ['app.example.test'],
    lineage: 'app.example.test',
    servername: 'app.example.test',
    keyType: 'ecdsa',
  },
  {
    title: 'a wildcard with an RSA key',
    domain: '*.example.test',
    issued: ['*.example.test'],
    lineage: 'example.test',
    servername: 'any.example.test',
    keyType: 'rsa',
  },
  {
    title: 'a name whose lineage has a number because its wildcard came first',
    domain: 'example.test',
    issued: ['*.example.test', 'example.test'],
    lineage: 'example.test-0001',
    servername: 'example.test',
    keyType: 'ecdsa',
  },
];

for (const { title, domain, issued, lineage, servername, keyType } of cases) {
  test(`certbot’s volume is taken over: ${title}`, async (t) => {
    const world = await worldFor(t);
    const environment = await environmentFor(world, { DOMAIN: domain, SET_CAA: 'true' });
    const volume = volumeOf(environment);
    const certbot = certbotOn(world, volume);
    for (const name of issued) await certbot.issue(name, { umask: '000', args: ['--key-type', keyType] });
    const planted = plantRecords(world, environment, accountUrl(volume));
    const [before, askedBefore] = [contents(volume), asked(world)];
    const ingress = again(t, environment);
    await ingress.seen('serving', { timeoutMs: 5000 });
    await ingress.seen('pass-finished');

    const { fingerprint256, socket } = await handshake(environment, servername);
    socket.destroy();
    assert.equal(fingerprint256, certificateIn(volume, lineage).fingerprint256);
    assert.equal((await world.request(servername, '/')).status, 200);
    assert.deepEqual(asked(world), askedBefore);
    assert.deepEqual(contents(volume), before);
    const [alias, ...others] = planted;
    const records = world.cloudflare.recordsOf(world.zone);
    assert.deepEqual(
      records.filter(({ type }) => type !== 'CNAME'),
      others,
    );
    assert.deepEqual(
      records.filter(({ type }) => type === 'CNAME').map(({ name, content }) => [name, content]),
      [[alias?.name, 'gateway.cluster.test']],
    );
  });
}

test('certbot’s certificate is renewed with its RSA account, and certbot can continue from there', async (t) => {
  const world = await worldFor(t, { pebble: { validityS: 24 } });
  const environment = await environmentFor(world, { SET_CAA: 'true' });
  const [volume, lineage] = [volumeOf(environment), 'app.example.test'];
  const certbot = certbotOn(world, volume);
  await certbot.issue(lineage, { umask: '000', args: ['--key-type', 'rsa'] });
  const [before, askedBefore, old] = [contents(volume), asked(world), certificateIn(volume, lineage)];
  const ordersBefore = world.pebble.orders();
  const ingress = again(t, environment);
  await ingress.seen('pass-finished');
  // Less than a quarter of the lifetime is left, so it is renewed whatever time the CA advises.
  const due = old.validFromDate.getTime() + 0.8 * 24_000;
  await eventually('renewal is due', () => Date.now() > due || undefined, 30_000);
  ingress.signal('SIGHUP');
  const { serial } = await ingress.seen('serving', { fits: (line) => line['serial'] !== old.serialNumber });

  await t.test('with the same account', () => {
    assert.equal(asked(world).accounts, askedBefore.accounts);
    // Not the requests: Pebble may refuse the one with `replaces` (isReplaceableAtPebble).
    assert.equal(world.pebble.orders(), ordersBefore + 1);
  });
  await t.test('live/ has the new certificate, and all old files remain', () => {
    assert.equal(certificateIn(volume, lineage).serialNumber, serial);
    const after = contents(volume);
    assert.deepEqual(
      before.filter((entry) => !after.includes(entry) && !/^120777 live\//.test(entry)),
      [],
    );
    assert.equal(lstatSync(join(volume, 'archive', lineage, 'privkey2.pem')).mode & 0o777, 0o600);
  });
  await t.test('certbot lists it as valid', async () => {
    const list = await certbot.run('certificates');
    assert.match(list, new RegExp(`Serial Number: ${BigInt(`0x${serial}`).toString(16)}\\s`));
    assert.match(list, /\(VALID: /);
    assert.doesNotMatch(list, /INVALID|error|invalid/);
  });
  await t.test('certbot renews it once more, into the same lineage', async () => {
    await certbot.run('renew', '--force-renewal', '--no-random-sleep-on-renew', '--cert-name', lineage);
    assert.equal(
      readlinkSync(join(volume, 'live', lineage, 'cert.pem')),
      `../../archive/${lineage}/cert3.pem`,
    );
    assert.equal(asked(world).accounts, askedBefore.accounts);
  });
});
