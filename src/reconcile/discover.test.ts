import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, secondCa, setStage } from '../../test/harness/stage.ts';
import { caaOwnersOf } from './discover.ts';

const never = new AbortController().signal;
const down = () => {
  throw failure('ACME_UNREACHABLE');
};

test('a CA whose account needs the operator fails the lookup of the CAA owners', async (t) => {
  const stage = await setStage(t);
  const { authority, client } = secondCa(stage);
  client.before = () => {
    throw failure('ACME_ACCOUNT_BINDING_MISSING');
  };
  const { primary } = stage.deps.authorities;
  const owners = caaOwnersOf({ primary, fallback: { authority, afterMs: 1 }, staging: undefined });
  await assert.rejects(owners(never), { code: 'ACME_ACCOUNT_BINDING_MISSING' });
});

for (const dead of ['the primary CA', 'the fallback CA', 'the staging CA', 'every CA'] as const)
  test(`while ${dead} is down, ${dead === 'every CA' ? 'there are no CAA owners' : 'the CAA owners are those of the others'}`, async (t) => {
    const stage = await setStage(t);
    const [second, staging] = [secondCa(stage), secondCa(stage)];
    const { primary } = stage.deps.authorities;
    const fallback = { authority: second.authority, afterMs: 1 };
    const owners = caaOwnersOf({ primary, fallback, staging: staging.authority });
    const clients = {
      'the primary CA': stage.client,
      'the fallback CA': second.client,
      'the staging CA': staging.client,
    };
    for (const [name, client] of Object.entries(clients))
      if (dead === 'every CA' || dead === name) client.before = down;
    if (dead === 'every CA') await assert.rejects(owners(never), { code: 'ACME_UNREACHABLE' });
    else assert.equal((await owners(never)).length, 2);
  });
