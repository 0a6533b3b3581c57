import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { type Fault, startFault } from '../harness/apps/faulty-apps.ts';
import { openTls } from '../harness/clients/tls.ts';
import { eventually, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';
import { recordTypes, startTap } from '../harness/proxy/tap.ts';

const ALERT = 21;

/** If an app simply closes the connection, there is nothing to log. */
const faults: readonly [fault: Fault, why: string | undefined, speaksFirst?: 'app'][] = [
  ['refuses', 'refused'],
  ['refuses', 'refused', 'app'],
  ['has no address', 'no-address', 'app'],
  ['accepts no connection', 'connect-timeout', 'app'],
  ['resets at once', 'broke-off', 'app'],
  ['resets on request', 'broke-off'],
  ['resets in the middle', 'broke-off'],
  ['closes at once', undefined, 'app'],
  ['closes on request', undefined],
  ['is silent', 'silent'],
  ['is silent', 'silent', 'app'],
];

describe('a TCP target whose app', { concurrency: 4 }, () => {
  for (const [fault, why, speaksFirst] of faults) {
    const who = speaksFirst === 'app' ? ' and speaks first in its protocol' : '';
    test(`${fault}${who}: the client's connection is closed cleanly, with the reason in the log`, async (t) => {
      const { proxy, port, lines } = await startTestProxy(t, {
        target: await startFault(t, fault),
        timeouts: { connect: 200, client: 60_000, server: 300 },
      });
      await proxy.install(await testCertificate('app.example'));
      const tap = await startTap(t, port);
      // In TLS 1.2 an observer can see which record is an alert.
      const client = await openTls(t, tap.port, 'app.example', { maxVersion: 'TLSv1.2' });
      if (!speaksFirst) client.write('hello?');
      client.resume();
      if (!client.readableEnded) await once(client, 'end');
      await eventually('the end of the connection', () => tap.end !== undefined);
      assert.equal(tap.end, 'FIN');
      assert.equal(recordTypes(tap.seen).at(-1), ALERT);
      const failures = () => lines.filter(({ event, level }) => event === 'connection-failed' && level >= 40);
      if (why === undefined) return assert.deepEqual(failures(), []);
      await eventually('the failure in the log', () => failures().length > 0);
      assert.deepEqual(
        failures().map((line) => [line['domain'], line['why']]),
        [['app.example', why]],
      );
    });
  }
});
