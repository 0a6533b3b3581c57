import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { DnsProvider, Zone } from '../../src/dns/provider.ts';
import { type ErrorCode, IngressError } from '../../src/errors.ts';
import {
  createHurryingClock,
  createMemoryFiles,
  createTestContext,
} from '../harness/dns/provider-context.ts';
import { create, failure, record, soon } from './support.ts';
import type { ContractFault, ContractSetup } from './world.ts';

const ZONE = 'example.com';
const APP = 'app.example.com';

type Verb = (provider: DnsProvider, zone: Zone, signal: AbortSignal) => Promise<unknown>;

const verbs: Readonly<Record<'zone' | 'records' | 'apply' | 'check', Verb>> = {
  zone: (provider, _, signal) => provider.zone(APP, signal),
  records: (provider, zone, signal) => provider.records(zone, [APP], signal),
  apply: (provider, zone, signal) => provider.apply(zone, create(record(APP, 'TXT', 'value')), signal),
  check: (provider, _, signal) => provider.check(signal),
};

const faults: readonly (readonly [fault: ContractFault, code: ErrorCode])[] = [
  [{ kind: 'rate-limit', retryAfter: '7' }, 'PROVIDER_RATE_LIMITED'],
  [{ kind: 'error' }, 'PROVIDER_UNAVAILABLE'],
  [{ kind: 'reset' }, 'PROVIDER_UNREACHABLE'],
  [{ kind: 'hang' }, 'PROVIDER_UNREACHABLE'],
  [{ kind: 'stall' }, 'PROVIDER_UNREACHABLE'],
  [{ kind: 'html' }, 'PROVIDER_BAD_ANSWER'],
  [{ kind: 'truncated' }, 'PROVIDER_BAD_ANSWER'],
  [{ kind: 'nonsense' }, 'PROVIDER_BAD_ANSWER'],
];

/** Failures of the network, of the API and of the credentials. */
export function failureContract(setup: ContractSetup): void {
  for (const [fault, code] of faults) {
    for (const [name, verb] of Object.entries(verbs)) {
      test(`${name}() rejects with ${code} if the call ends with: ${fault.kind}`, async () => {
        await using world = await setup([ZONE]);
        if (fault.kind === 'rate-limit' && world.abilities.asksToWait === false) return;
        const zone = await world.open().zone(APP, soon());
        const before = world.snapshot(ZONE);
        const waits = fault.kind === 'hang' || fault.kind === 'stall';
        // Long enough for the message to arrive, also on a busy host.
        const provider = world.open(waits ? { timeoutMs: 2000 } : {});
        world.fail(fault, 'any');
        world.resetCalls();
        const error = await failure(verb(provider, zone, soon()), code);
        assert.equal(error.retryable, true);
        assert.equal(error.retryAfterMs, fault.kind === 'rate-limit' ? 7000 : undefined);
        const { reads, writes } = world.calls();
        assert.equal(reads + writes, 1, 'the call was retried');
        assert.deepEqual(world.snapshot(ZONE), before);
        await verb(world.open(), zone, soon());
      });
    }
  }

  test('a Retry-After date is relative to the current time', async () => {
    await using world = await setup([ZONE]);
    if (world.abilities.asksToWait === false) return;
    const retryAfter = new Date(Date.now() + 60_000).toUTCString();
    world.fail({ kind: 'rate-limit', retryAfter }, 'any');
    const { retryAfterMs = 0 } = await failure(world.open().zone(APP, soon()), 'PROVIDER_RATE_LIMITED');
    assert.ok(retryAfterMs > 50_000 && retryAfterMs <= 60_000, String(retryAfterMs));
  });

  test('after a Retry-After the next call waits that long, and reports the wait', async () => {
    await using world = await setup([ZONE]);
    if (world.abilities.asksToWait === false) return;
    const context = createTestContext();
    const provider = world.open({ context });
    world.fail({ kind: 'rate-limit', retryAfter: '7' }, 'any');
    await failure(provider.zone(APP, soon()), 'PROVIDER_RATE_LIMITED');
    assert.equal(context.waits.length, 0);
    await provider.zone(APP, soon());
    const [wait] = context.waits;
    assert.equal(wait?.reason, 'asked-to-wait');
    assert.ok(wait.waitMs > 5000 && wait.waitMs <= 7000, String(wait.waitMs));
  });

  test('calls stay below the account’s limit, also across restarts, and each wait is reported', async () => {
    await using world = await setup([ZONE]);
    const [files, clock] = [createMemoryFiles(), createHurryingClock()];
    const context = createTestContext(clock, files);
    for (let start = 0; context.waits.length === 0; start += 1) {
      assert.ok(start < 2000, 'no call waited');
      await world.open({ context }).check(soon());
    }
    assert.equal(context.waits[0]?.reason, 'budget');
  });

  for (const [name, verb] of Object.entries(verbs)) {
    test(`${name}() reports unknown credentials`, async () => {
      await using world = await setup([ZONE]);
      if (name === 'check' && world.abilities.checksCredentials === false) return;
      const zone = await world.open().zone(APP, soon());
      const call = verb(world.openRejected(), zone, soon());
      const error = await failure(call, 'PROVIDER_CREDENTIALS_REJECTED');
      assert.equal(error.retryable, world.abilities.namesFaultOfKey === false);
    });

    test(`${name}() rejects with the reason of an aborted signal`, async () => {
      await using world = await setup([ZONE]);
      const zone = await world.open().zone(APP, soon());
      const provider = world.open({ timeoutMs: 60_000 });
      world.fail({ kind: 'hang' }, 'any');
      const reason = new Error('enough');
      const controller = new AbortController();
      const call = verb(provider, zone, controller.signal);
      setTimeout(() => controller.abort(reason), 50);
      await assert.rejects(call, (thrown) => thrown === reason);
      world.resetCalls();
      await assert.rejects(verb(provider, zone, controller.signal), (thrown) => thrown === reason);
      assert.deepEqual(world.calls(), { reads: 0, writes: 0 });
    });
  }

  test('the signal of a queued write aborts that write, and not the next one', async () => {
    await using world = await setup([ZONE]);
    const provider = world.open({ timeoutMs: 3000 });
    const zone = await provider.zone(APP, soon());
    world.fail({ kind: 'hang' }, 'write');
    const controller = new AbortController();
    const change = (value: string) => create(record(APP, 'TXT', value));
    const first = failure(provider.apply(zone, change('first'), soon()), 'PROVIDER_UNREACHABLE');
    const reason = new Error('enough');
    const second = assert.rejects(
      provider.apply(zone, change('second'), controller.signal),
      (t) => t === reason,
    );
    const third = provider.apply(zone, change('third'), soon());
    controller.abort(reason);
    await Promise.all([first, second, third]);
    assert.deepEqual(
      (await provider.records(zone, [APP], soon())).map(({ value }) => value),
      ['third'],
    );
  });

  test('apply() names the permission that the credentials lack, and changes nothing', async () => {
    await using world = await setup([ZONE]);
    if (!world.abilities.limitedCredentials) return;
    const provider = world.openLimited({ zones: [ZONE], write: false });
    const zone = await provider.zone(APP, soon());
    const before = world.snapshot(ZONE);
    const change = create(record(APP, 'TXT', 'value'));
    const error = await failure(provider.apply(zone, change, soon()), 'PROVIDER_PERMISSION_MISSING');
    assert.equal(error.retryable, false);
    const { namesWritePermission } = world.abilities;
    assert.ok(namesWritePermission?.(error.details), JSON.stringify(error.details));
    assert.deepEqual(world.snapshot(ZONE), before);
  });

  test('check() accepts good credentials and writes nothing', async () => {
    await using world = await setup([ZONE]);
    await world.open().check(soon());
    assert.equal(world.calls().writes, 0);
  });

  test('no error contains the credentials, even if the server repeats them', async () => {
    const kinds = ['error', 'echo', 'reset', 'hang', 'html', 'truncated'] as const;
    for (const kind of kinds) {
      await using world = await setup([ZONE]);
      world.fail({ kind }, 'any');
      const provider = world.open({ timeoutMs: 300 });
      const error = await provider.zone(APP, soon()).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof IngressError);
      const shown = inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error);
      for (const secret of world.secrets) assert.ok(!shown.includes(secret), `${kind}: ${shown}`);
      assert.ok(!inspect(provider, { depth: 20, showHidden: true }).includes(world.secrets[0] ?? '-'));
    }
  });
}
