import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IngressError } from '../../src/errors.ts';
import { ConfiguredZone, forgetIfGone, longestZone, ZoneList } from './zones.ts';

const never = new AbortController().signal;
const notFound = (zones: readonly { name: string }[], name: string) =>
  new IngressError('ZONE_NOT_FOUND', `${name} is in none of ${zones.map((zone) => zone.name).join(', ')}`);

/** A list of zones that counts how often it is read. */
function createList(names: string[]) {
  const account = { names, lists: 0 };
  const zones = new ZoneList({
    list: async () => {
      account.lists += 1;
      return account.names.map((name) => ({ name }));
    },
    notFound,
  });
  return { account, zones };
}

for (const [name, zone] of [
  ['a.sub.example.com', 'sub.example.com'],
  ['sub.example.com', 'sub.example.com'],
  ['notsub.example.com', 'example.com'],
  ['com', undefined],
] as const)
  test(`the longest zone for ${name} is ${zone}`, () => {
    const zones = [{ name: 'example.com' }, { name: 'sub.example.com' }];
    assert.equal(longestZone(zones, name)?.name, zone);
  });

test('zones are listed once, and again for a name that none of them holds', async () => {
  const { account, zones } = createList(['Example.com.']);
  const found = await Promise.all(['A.Example.com.', 'b.example.com'].map((name) => zones.find(name, never)));
  assert.deepEqual(found, [{ name: 'example.com' }, { name: 'example.com' }]);
  assert.equal(account.lists, 1);
  account.names.push('example.org');
  assert.equal((await zones.find('example.org', never)).name, 'example.org');
  await assert.rejects(zones.find('example.net', never), { code: 'ZONE_NOT_FOUND' });
  assert.equal(account.lists, 3);
  assert.deepEqual(
    zones.known.map(({ name }) => name),
    ['example.com', 'example.org'],
  );
});

test('a forgotten list is read again', async () => {
  const { account, zones } = createList(['example.com']);
  await zones.refresh(never);
  const gone = new IngressError('ZONE_NOT_FOUND', 'gone');
  for (const [failure, lists] of [
    [new IngressError('PROVIDER_UNREACHABLE', 'no answer'), 1],
    [gone, 2],
  ] as const) {
    await assert.rejects(
      forgetIfGone(zones, () => Promise.reject(failure)),
      (thrown) => thrown === failure,
    );
    await zones.find('example.com', never);
    assert.equal(account.lists, lists);
  }
});

test('after a failed read the next lookup reads the list again', async () => {
  const failure = new Error('no');
  let lists = 0;
  const list = async () => {
    lists += 1;
    if (lists === 1) throw failure;
    return [{ name: 'example.com' }];
  };
  const zones = new ZoneList({ list, notFound });
  await assert.rejects(zones.find('example.com', never), (thrown) => thrown === failure);
  assert.equal((await zones.find('example.com', never)).name, 'example.com');
});

test('a configured zone is read once, and rejects a name outside it', async () => {
  let reads = 0;
  const read = async (id: string) => {
    reads += 1;
    return { id, name: 'example.com' };
  };
  const zone = new ConfiguredZone({ variable: 'ZONE_ID', id: 'Z1', read });
  assert.deepEqual(await zone.find('A.example.com.', never), { id: 'Z1', name: 'example.com' });
  await assert.rejects(zone.find('example.org', never), {
    code: 'ZONE_MISMATCH',
    details: { nameInDoubt: true, variable: 'ZONE_ID', zone: 'example.com', name: 'example.org' },
  });
  assert.equal(reads, 1);
});

test('a configured zone whose name may not be read accepts any name', async () => {
  const zone = new ConfiguredZone({
    variable: 'ZONE_ID',
    id: 'Z1',
    read: async (id) => ({ id, name: undefined }),
  });
  assert.equal((await zone.find('example.org', never)).id, 'Z1');
});
