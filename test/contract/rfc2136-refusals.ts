import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
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

/** How real servers refuse an unknown or forbidden key, and a wrong clock. */
export function refusals(title: string, start: StartPrimaryServer, { tellsClock, tellsKey }: Wording): void {
  const changes = create(record(APP, 'TXT', 'value'));
  const zone = { id: ZONE, name: ZONE };

  describe(`${title}: refusals`, () => {
    for (const seconds of [-1000, 1000]) {
      test(`at every step, a clock that is off by ${seconds} s is named in the error, which is retryable`, async () => {
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
          assert.match(error.hint, /clock/);
          assert.match(error.message, tellsClock ? /differ by \d+ s.*BADTIME/ : /without a signature/);
        }
      });
    }

    test('a clock that is set while the program runs is named, too', async () => {
      await using primary = await Primary.start({ zones: [ZONE], start });
      let seconds = 0;
      const clock = { ...createHurryingClock(), now: () => new Date(Date.now() + seconds * 1000) };
      const provider = openAt(primary, primary.key, {}, createTestContext(clock));
      await provider.apply(zone, changes, soon());
      seconds = 1000;
      const error = await failure(provider.records(zone, [APP], soon()), 'PROVIDER_CREDENTIALS_REJECTED');
      assert.match(error.hint, /clock/);
      assert.equal(error.retryable, true);
    });

    test('an unknown key is named', async () => {
      await using primary = await Primary.start({ zones: [ZONE], start });
      const provider = openAt(primary, createKey('nobody'));
      const error = await failure(provider.zone(APP, soon()), 'PROVIDER_CREDENTIALS_REJECTED');
      assert.match(error.hint, /RFC2136_TSIG_KEY/);
      assert.equal(error.retryable, !tellsKey);
    });

    const namesAcl = (error: IngressError) => assert.match(error.hint, /ACL|Let the key|RFC2136_TSIG_KEY/);

    test('a key of another zone may not transfer', async () => {
      await using primary = await Primary.start({ zones: [ZONE, OTHER], start });
      const provider = openAt(primary, primary.limitedKey(OTHER, true));
      await provider.zone(OTHER, soon());
      const error = await failure(provider.records(zone, [APP], soon()), 'PROVIDER_PERMISSION_MISSING');
      assert.doesNotMatch(error.hint, /proxy/);
      namesAcl(error);
    });

    test('a key of another zone without an earlier query gets a hint to the ACL, too', async () => {
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
        assert.match(error.hint, /\bacl\b|ACL|Let the key/);
      }
    });

    test('a read-only key may not write, and no proxy is blamed', async () => {
      await using primary = await Primary.start({ zones: [ZONE], start });
      const provider = openAt(primary, primary.limitedKey(ZONE, false));
      const error = await failure(provider.apply(zone, changes, soon()), 'PROVIDER_PERMISSION_MISSING');
      assert.equal(error.retryable, false);
      namesAcl(error);
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
      namesAcl(error);
    });
  });
}
