import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostZone } from './hosts.ts';
import { createReads } from './reads.ts';

const zone = (emailType: string): HostZone => ({
  domain: 'example.com',
  emailType,
  hosts: [],
  unwritable: [],
});

function begin() {
  let now = 1_000_000;
  const reads = createReads({ now: () => new Date(now), wait: async () => undefined });
  const ask = (asker: 'zone' | 'records' | 'apply', what = 'NONE') =>
    reads.load('example.com', asker, async () => zone(what));
  const pass = (ms: number) => {
    now += ms;
  };
  return { reads, ask, pass };
}

test('a read by zone() serves records() once, and then a write', async () => {
  const { reads, ask } = begin();
  const read = await ask('zone');
  assert.equal(reads.recent('example.com'), undefined);
  assert.equal(reads.takeForRecords('example.com'), read);
  assert.equal(reads.takeForRecords('example.com'), undefined);
  assert.equal(reads.recent('example.com'), read);
});

test('a read is recent for less than a second, and never if the clock went back', async () => {
  const { reads, ask, pass } = begin();
  const read = await ask('records');
  pass(999);
  assert.equal(reads.recent('example.com'), read);
  pass(1);
  assert.equal(reads.recent('example.com'), undefined);
  pass(-2000);
  assert.equal(reads.recent('example.com'), undefined);
});

test('a write invalidates the reads that began before it ended', async () => {
  const { reads, ask } = begin();
  await ask('records');
  const slow = Promise.withResolvers<HostZone>();
  const asked = reads.load('example.com', 'records', () => slow.promise);
  await assert.rejects(reads.during('example.com', () => Promise.reject(new Error('lost'))));
  slow.resolve(zone('FWD'));
  await asked;
  assert.equal(reads.recent('example.com'), undefined);
});
