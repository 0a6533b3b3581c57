import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Suspect } from '../../providers/rfc2136/errors.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import { type IngressError, isIngressError } from '../../src/errors.ts';
import { createHurryingClock, createTestContext } from '../harness/dns/provider-context.ts';
import { createKey, Primary } from '../world/dns/primary.ts';
import type { StartPrimaryServer } from '../world/dns/primary-server.ts';
import { openAt } from './rfc2136-world.ts';
import { create, failure, record, soon } from './support.ts';

const ZONE = 'example.com';
const OTHER = 'example.net';
const APP = 'app.example.com';

export interface Wording {
  /** Its response says that the clocks differ. */
  readonly tellsClock: boolean;
  /** Its response says that it does not know the key. */
  readonly tellsKey: boolean;
}

function assertSuspects({ details }: IngressError, suspect: Suspect): void {
  const { suspects } = details;
  assert.ok(Array.isArray(suspects) && suspects.includes(suspect), JSON.stringify(details));
}

/** How real servers refuse an unknown or forbidden key, and a wrong clock. */
export function refusals(title: string, start: StartPrimaryServer, { tellsClock, tellsKey }: Wording): void {
  const changes = create(record(APP, 'TXT', 'value'));
  const zone = { id: ZONE, name: ZONE };

  describe(`${title}: refusals`, () => {
    for (const seconds of [-1000, 1000]) {
      test(`at every step, a clock that is off by ${seconds} s is a suspect, and the error is retryable`, async () => {
        await using primary = await Primary.start({ zones: [ZONE], start });
        const clock = { ...createHurryingClock(), now: () => new Date(Date.now() + seconds * 1000) };
        const open = () => openAt(primary, primary.key, {}, createTestContext(clock));
        const steps = [
          () => open().zone(APP, soon()),
          () => open().records(zone, [APP], soon()),
          () => open().apply(zone, changes, soon()),
        ];
        for (const step of steps) {
          const error = await failure(step(), 'PROVIDER_CREDENTIALS_REJECTED');
          assert.equal(error.retryable, true);
          const { tsigError, aheadSeconds, signed } = error.details;
          assertSuspects(error, 'clock');
          assert.deepEqual([tsigError, signed], tellsClock ? ['BADTIME', undefined] : [undefined, false]);
          if (tellsClock) assert.ok(Math.abs(Number(aheadSeconds) - seconds) < 60, String(aheadSeconds));
        }
      });
    }

    test('a clock that is set while the program runs is a suspect, too', async () => {
      await using primary = await Primary.start({ zones: [ZONE], start });
      let seconds = 0;
      const clock = { ...createHurryingClock(), now: () => new Date(Date.now() + seconds * 1000) };
      const provider = openAt(primary, primary.key, {}, createTestContext(clock));
      await provider.apply(zone, changes, soon());
      seconds = 1000;
      const error = await failure(provider.records(zone, [APP], soon()), 'PROVIDER_CREDENTIALS_REJECTED');
      assertSuspects(error, 'clock');
      assert.equal(error.retryable, true);
    });

    test('an unknown key is a suspect', async () => {
      await using primary = await Primary.start({ zones: [ZONE], start });
      const provider = openAt(primary, createKey('nobody'));
      const error = await failure(provider.zone(APP, soon()), 'PROVIDER_CREDENTIALS_REJECTED');
      assertSuspects(error, 'key');
      assert.equal(error.retryable, !tellsKey);
    });

    test('a key of another zone may not transfer', async () => {
      await using primary = await Primary.start({ zones: [ZONE, OTHER], start });
      const provider = openAt(primary, primary.limitedKey(OTHER, true));
      await provider.zone(OTHER, soon());
      const error = await failure(provider.records(zone, [APP], soon()), 'PROVIDER_PERMISSION_MISSING');
      assertSuspects(error, 'acl');
    });

    test('a key of another zone without an earlier query makes the ACL a suspect, too', async () => {
      await using primary = await Primary.start({ zones: [ZONE, OTHER], start });
      const key = primary.limitedKey(OTHER, true);
      const steps = [
        (provider: DnsProvider) => provider.records(zone, [APP], soon()),
        (provider: DnsProvider) => provider.apply(zone, changes, soon()),
      ];
      for (const step of steps) {
        const error: unknown = await step(openAt(primary, key)).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        assert.ok(isIngressError(error), String(error));
        assert.match(error.code, /^PROVIDER_(?:PERMISSION_MISSING|CREDENTIALS_REJECTED)$/);
        assertSuspects(error, 'acl');
      }
    });

    test('a read-only key may not write', async () => {
      await using primary = await Primary.start({ zones: [ZONE], start });
      const provider = openAt(primary, primary.limitedKey(ZONE, false));
      const error = await failure(provider.apply(zone, changes, soon()), 'PROVIDER_PERMISSION_MISSING');
      assert.equal(error.retryable, false);
      assertSuspects(error, 'acl');
    });

    test('a key that no ACL of the zone names finds it, is refused, or sees no zone', async () => {
      await using primary = await Primary.start({ zones: [ZONE, OTHER], start });
      const provider = openAt(primary, primary.limitedKey(OTHER, true));
      await provider.zone(OTHER, soon());
      const error: unknown = await provider.zone(APP, soon()).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (error === undefined || isIngressError(error, 'ZONE_NOT_FOUND')) return;
      assert.ok(isIngressError(error, 'PROVIDER_PERMISSION_MISSING'), String(error));
      assertSuspects(error, 'acl');
    });
  });
}
