import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { doesNotAnswer } from '../../src/proxy/upstream/messages.ts';
import { echo, startApp } from '../harness/apps/tcp-app.ts';
import { exchange, openTls } from '../harness/clients/tls.ts';
import { eventually, freePort, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

for (const [what, host] of [
  ['an address', '127.0.0.1'],
  ['a name', 'app'],
] as const) {
  test(`an app (${what}) that does not listen at the start is a warning until it answers, and is then no longer probed`, async (t) => {
    const appPort = await freePort();
    const warnings: (string | undefined)[] = [];
    const warnOf = (_: string, sentence: string | undefined) => void warnings.push(sentence);
    let lookups = 0;
    const lookup = async () => {
      lookups += 1;
      return [{ address: '127.0.0.1', family: 4 }];
    };
    const target = { host, port: appPort };
    const { proxy, port, lines } = await startTestProxy(t, { target, lookup, warnOf });
    await eventually('the warning', () => warnings.length > 0);
    const refused = new Map([['127.0.0.1', 'ECONNREFUSED']]);
    assert.equal(warnings[0], doesNotAnswer({ host, port: appPort }, refused, false));
    let connections = 0;
    const serve = (socket: Socket) => {
      connections += 1;
      echo(socket);
    };
    await startApp(t, serve, { port: appPort });
    await eventually('the end of the warning', () => warnings.length > 1);
    assert.deepEqual([warnings[1], warnings.length], [undefined, 2]);
    assert.equal(lines.filter(({ event }) => event === 'app-answers').length, 1);
    const since = lookups;
    if (host === 'app') await eventually('two more lookups', () => lookups > since + 2);
    await proxy.install(await testCertificate('app.example'));
    assert.equal(await exchange(await openTls(t, port, 'app.example'), 'hello'), 'hello');
    assert.equal(connections, 2, 'one probe, and one of the client');
  });
}
