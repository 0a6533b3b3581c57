import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { waitForPropagation } from '../../src/dns/propagation.ts';
import { afterTest } from '../harness/after-test.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';
import { bind } from '../world/dns/bind-primary.ts';
import { knot } from '../world/dns/knot.ts';
import { type PowerDnsOptions, powerDns } from '../world/dns/powerdns.ts';
import { Primary } from '../world/dns/primary.ts';
import type { StartPrimaryServer } from '../world/dns/primary-server.ts';
import { startSecondary } from '../world/dns/secondary.ts';
import { freePort } from '../world/free-port.ts';
import { openAt } from './rfc2136-world.ts';
import { create, failure, record, soon } from './support.ts';

const ZONE = 'example.com';
const RECORD = record('_acme-challenge.app.example.com', 'TXT', 'value', 60);

/** Publishes a record on a primary that knows a secondary, and waits until both serve it. */
async function publish(
  t: TestContext,
  startFor: (secondary: number) => StartPrimaryServer,
  timeoutMs: number,
): Promise<unknown> {
  const directory = temporaryDirectory(t);
  const port = await freePort();
  const primary = await Primary.start({ zones: [ZONE], start: startFor(port) });
  afterTest(t, () => primary[Symbol.asyncDispose]());
  const { endpoint, key } = primary;
  const secondary = await startSecondary({ directory, zone: ZONE, port, primary: endpoint, key });
  afterTest(t, () => secondary[Symbol.asyncDispose]());
  const provider = openAt(primary);
  await provider.apply({ id: ZONE, name: ZONE }, create(RECORD), soon());
  const servers = [
    { hostname: 'ns1.example.com', ...endpoint },
    { hostname: 'ns2.example.com', address: '127.0.0.1', port },
  ];
  const byNotify = provider.capabilities.notifiesSecondaries ?? false;
  const signal = AbortSignal.timeout(60_000);
  return waitForPropagation({ apex: ZONE, servers }, [{ record: RECORD }], {
    clock: systemClock,
    signal,
    timeoutMs,
    byNotify,
  });
}

const bindAccess = (port: number) => [
  'allow-transfer { key "dstack-ingress"; key "behind"; }',
  'update-policy { grant "dstack-ingress" zonesub ANY; grant "behind" zonesub ANY; }',
  `notify explicit; also-notify { 127.0.0.1 port ${port}; }`,
];

describe('RFC 2136: secondaries are notified of an update, with the settings of docs/providers.md', () => {
  const notifying: readonly (readonly [title: string, startFor: (port: number) => StartPrimaryServer])[] = [
    ['BIND', (port) => bind({ access: bindAccess(port) })],
    [
      'Knot',
      (port) =>
        knot({
          blocks: ['remote:', `  - id: secondary\n    address: 127.0.0.1@${port}`],
          zoneLines: ['notify: secondary'],
        }),
    ],
    [
      'PowerDNS',
      (port) =>
        powerDns({
          kind: 'MASTER',
          settings: ['primary=yes', 'send-signed-notify=no'],
          metadata: { 'NOTIFY-DNSUPDATE': ['1'], 'ALSO-NOTIFY': [`127.0.0.1:${port}`] },
        }),
    ],
  ];
  for (const [title, startFor] of notifying) {
    test(title, async (t) => {
      await publish(t, startFor, 30_000);
    });
  }

  const silent: readonly (readonly [title: string, options: PowerDnsOptions])[] = [
    ['a native zone of PowerDNS notifies no server', { settings: ['primary=yes', 'send-signed-notify=no'] }],
    [
      'PowerDNS signs NOTIFY with the key that may transfer, which the secondary rejects',
      { kind: 'MASTER', settings: ['primary=yes'] },
    ],
  ];
  for (const [title, options] of silent) {
    test(`${title}, and the error names the secondary`, async (t) => {
      const startFor = (port: number) =>
        powerDns({
          ...options,
          metadata: { 'NOTIFY-DNSUPDATE': ['1'], 'ALSO-NOTIFY': [`127.0.0.1:${port}`] },
        });
      const error = await failure(publish(t, startFor, 4000), 'PROPAGATION_TIMEOUT');
      const { servers, unnotified } = error.details;
      const said = Array.from(Object(servers), (server) => [Object(server).hostname, Object(server).said]);
      assert.deepEqual(said[1], ['ns2.example.com', 'lacks']);
      assert.deepEqual(unnotified, ['ns2.example.com']);
    });
  }
});
