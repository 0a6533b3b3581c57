import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import {
  echo,
  eventually,
  freePort,
  openTls,
  say,
  startApp,
  startTestProxy,
} from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

for (const [what, host] of [
  ['an address', '127.0.0.1'],
  ['a name', 'app'],
] as const) {
  test(`an app (${what}) where nothing listens is warned of at the start, until it answers; then it is left alone`, async (t) => {
    const appPort = await freePort();
    const warnings: (string | undefined)[] = [];
    const warnOf = (_: string, sentence: string | undefined) => void warnings.push(sentence);
    let looks = 0;
    const lookup = async () => {
      looks += 1;
      return [{ address: '127.0.0.1', family: 4 }];
    };
    const target = { host, port: appPort };
    const { proxy, port, lines } = await startTestProxy(t, { target, lookup, warnOf });
    await eventually('the warning', () => warnings.length > 0);
    assert.match(
      String(warnings[0]),
      new RegExp(
        `^nothing listens at ${host}:${appPort} \\(127\\.0\\.0\\.1: ECONNREFUSED\\): check the port`,
      ),
    );
    let connections = 0;
    const serve = (socket: Socket) => {
      connections += 1;
      echo(socket);
    };
    await startApp(t, serve, { port: appPort });
    await eventually('the end of the warning', () => warnings.length > 1);
    assert.deepEqual([warnings[1], warnings.length], [undefined, 2]);
    assert.equal(lines.filter(({ event }) => event === 'app-answers').length, 1);
    const since = looks;
    if (host === 'app') await eventually('two more looks', () => looks > since + 2);
    await proxy.install(await testCertificate('app.example'));
    assert.equal(await say(await openTls(t, port, 'app.example'), 'hello'), 'hello');
    assert.equal(connections, 2, 'one of the control plane, one of the client');
  });
}
