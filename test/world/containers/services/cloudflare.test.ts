import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryDirectory } from '../../../harness/temporary-directory.ts';
import type { CloudflareSimulator } from '../../apis/cloudflare.ts';
import type { ZonePublisher, ZoneRecord } from '../../dns/publisher.ts';
import { openAccount } from './cloudflare.ts';

const zone = 'example.test';
const token = 'a'.repeat(40);
const record = { type: 'TXT', name: `www.${zone}`, content: '"kept"', ttl: 60 };

function fileFor(t: TestContext): string {
  const directory = temporaryDirectory(t);
  return join(directory, 'account.json');
}

async function listening(file: string, publisher: ZonePublisher): Promise<CloudflareSimulator> {
  const account = await openAccount({ zone, token, file, publisher });
  await account.listen('127.0.0.1');
  return account;
}

function call(account: CloudflareSimulator, path: string, body?: object): Promise<Response> {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const sent = body ? { method: 'POST', body: JSON.stringify(body), headers } : { headers };
  return fetch(`${account.baseUrl}${path}`, sent);
}

test('after a restart, an account has its zone with the same id and its records, and publishes them', async (t) => {
  const file = fileFor(t);
  const published: string[][] = [];
  const publisher = {
    async publish(_zone: string, records: readonly ZoneRecord[]) {
      published.push(records.map(({ data }) => data));
    },
  };
  const first = await listening(file, publisher);
  const id = first.zoneId(zone);
  assert.equal((await call(first, `/zones/${id}/dns_records`, record)).status, 200);
  const [stored] = first.recordsOf(zone);
  await first[Symbol.asyncDispose]();
  await using second = await listening(file, publisher);
  assert.equal(second.zoneId(zone), id);
  assert.deepEqual(second.recordsOf(zone), [stored]);
  assert.deepEqual(published, [[], ['"kept"'], ['"kept"']]);
});

test('the zone keeps its id even if nothing was ever written', async (t) => {
  const file = fileFor(t);
  const publisher = { publish: async () => {} };
  const first = await openAccount({ zone, token, file, publisher });
  const second = await openAccount({ zone, token, file, publisher });
  assert.equal(second.zoneId(zone), first.zoneId(zone));
});

test('only the configured token is valid', async (t) => {
  await using account = await listening(fileFor(t), { publish: async () => {} });
  assert.equal((await call(account, '/zones')).status, 200);
  const headers = { Authorization: `Bearer ${'b'.repeat(40)}` };
  assert.equal((await fetch(`${account.baseUrl}/zones`, { headers })).status, 403);
});

test('a write that the name servers refuse is an error of the API', async (t) => {
  let refuses = false;
  const publisher = {
    async publish() {
      if (refuses) throw new Error('ns1 refuses: 422');
    },
  };
  await using account = await listening(fileFor(t), publisher);
  refuses = true;
  const answer = await call(account, `/zones/${account.zoneId(zone)}/dns_records`, record);
  assert.equal(answer.status, 500);
  assert.match(await answer.text(), /ns1 refuses: 422/);
});
