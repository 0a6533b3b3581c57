import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StoredHost } from '../world/apis/namecheap.ts';
import { CHALLENGE, DOMAIN, openAccount } from './namecheap-account.ts';
import { assertSame, failure, soon } from './support.ts';

const ZONE = { id: DOMAIN, name: DOMAIN };

const harmless = { Name: 'www', Type: 'A', Address: '192.0.2.1' };

describe('the read after a write detects a failed write', { concurrency: true }, () => {
  const mishaps: readonly (readonly [
    what: string,
    change: (host: StoredHost) => StoredHost[],
    lost: string,
  ])[] = [
    ['is lost', () => [], 'www A 192.0.2.1 (TTL 1799)'],
    [
      'has another TTL',
      (host) => [{ ...host, TTL: '300' }],
      'www A 192.0.2.1 (TTL 1799), now www A 192.0.2.1 (TTL 300)',
    ],
    [
      'has another address',
      (host) => [{ ...host, Address: '192.0.2.9' }],
      'www A 192.0.2.1 (TTL 1799), now www A 192.0.2.9 (TTL 1799)',
    ],
  ];
  for (const [what, change, lost] of mishaps) {
    test(`an unrelated host ${what}`, async () => {
      await using account = await openAccount();
      const { stored, publish, files } = account;
      stored.plant(harmless);
      stored.mishap = (hosts) => hosts.flatMap((host) => (host.Name === 'www' ? change(host) : [host]));
      const error = await failure(publish(), 'ZONE_DAMAGED');
      const backup = [...files.texts.keys()].find((name) => name.startsWith(`${DOMAIN}/`));
      assert.deepEqual(error.details, { lost: [lost], backup: `/memory/${backup}` });
    });
  }

  test('the email type has changed', async () => {
    await using account = await openAccount();
    const { stored, publish } = account;
    stored.emailType = 'FWD';
    stored.mishap = (hosts) => {
      stored.emailType = 'NONE';
      return [...hosts];
    };
    const { details } = await failure(publish(), 'ZONE_DAMAGED');
    assert.deepEqual(details['lost'], ['the email type FWD, now NONE']);
  });

  test('our host was stored with different content', async () => {
    await using account = await openAccount();
    const { stored, publish } = account;
    stored.mishap = (hosts) => hosts.map((host) => ({ ...host, Address: host.Address.toLowerCase() }));
    const error = await failure(publish(), 'PROVIDER_REJECTED');
    const [sent, kept] = ['BEEFbeef-_0123', 'beefbeef-_0123'].map(
      (value) => `_acme-challenge.app TXT ${value} (TTL 60)`,
    );
    assert.deepEqual(error.details['mangled'], [`${sent}, now ${kept}`]);
  });

  test('our host is missing, as after a simultaneous write of another client', async () => {
    await using account = await openAccount();
    const { stored, publish } = account;
    stored.mishap = () => [];
    const error = await failure(publish(), 'PROVIDER_CONFLICT');
    assert.match(String(error.details['undone']), /^_acme-challenge\.app TXT BEEFbeef-_0123 /);
  });

  test('if the read fails, the error says that the zone was written, and where the backup is', async () => {
    await using account = await openAccount();
    const { simulator, provider, publish } = account;
    await provider.records(ZONE, [DOMAIN], soon());
    simulator.failWhen(({ kind }) => kind === 'read', { kind: 'status', status: 500 }, 1);
    const error = await failure(publish(), 'PROVIDER_UNAVAILABLE');
    const { status, written, backup } = error.details;
    assert.deepEqual([status, written], [500, true]);
    assert.match(String(backup), /^\/memory\/example\.com\//);
    assertSame(await provider.records(ZONE, [CHALLENGE.name], soon()), [CHALLENGE]);
  });

  test('another client may add hosts meanwhile', async () => {
    await using account = await openAccount();
    account.stored.mishap = (hosts) => [...hosts, ...hosts.map((host) => ({ ...host, Name: 'theirs' }))];
    await account.publish();
  });

  test('another client may remove its challenge meanwhile', async () => {
    await using account = await openAccount();
    const { stored, publish } = account;
    stored.plant({ Name: '_acme-challenge.other', Type: 'TXT', Address: 'theirs' });
    stored.mishap = (hosts) => hosts.filter(({ Name }) => Name !== '_acme-challenge.other');
    await publish();
  });
});
