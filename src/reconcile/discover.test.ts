import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, secondCa, setStage } from '../../test/harness/stage.ts';
import { caaOwnersOf } from './discover.ts';

const never = new AbortController().signal;
const down = () => {
  throw failure('ACME_UNREACHABLE');
};

test('CAA owners where one asks for what only a person can give', async (t) => {
  const stage = await setStage(t);
  const { authority, client } = secondCa(stage);
  client.before = () => {
    throw failure('ACME_ACCOUNT_BINDING_MISSING');
  };
  const { primary } = stage.deps.authorities;
  const owners = caaOwnersOf({ primary, fallback: { authority, afterMs: 1 }, staging: undefined });
  await assert.rejects(owners(never), { code: 'ACME_ACCOUNT_BINDING_MISSING' });
});

for (const dead of ['the first', 'the second', 'staging', 'each'] as const)
  test(`CAA owners where ${dead} cannot be asked`, async (t) => {
    const stage = await setStage(t);
    const [second, staging] = [secondCa(stage), secondCa(stage)];
    const { primary } = stage.deps.authorities;
    const fallback = { authority: second.authority, afterMs: 1 };
    const owners = caaOwnersOf({ primary, fallback, staging: staging.authority });
    const clients = {
      'the first': stage.client,
      'the second': second.client,
      staging: staging.client,
    };
    for (const [name, client] of Object.entries(clients))
      if (dead === 'each' || dead === name) client.before = down;
    if (dead === 'each') await assert.rejects(owners(never), { code: 'ACME_UNREACHABLE' });
    else assert.equal((await owners(never)).length, 2);
  });
