import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { test } from 'node:test';
import { echo, greeter, startApp } from '../../../test/harness/apps/tcp-app.ts';
import { exchange, openTls, receive } from '../../../test/harness/clients/tls.ts';
import { memoryLog } from '../../../test/harness/memory-log.ts';
import { eventually, freePort, routesTo, startTestProxy } from '../../../test/harness/proxy/proxy.ts';
import { testCertificate } from '../../../test/harness/proxy/proxy-certificate.ts';
import { systemClock } from '../../clock.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import { BackendServers } from './backend-servers.ts';
import { doesNotResolve } from './messages.ts';
import { UpstreamHost } from './upstream-host.ts';
import { UpstreamPort } from './upstream-port.ts';
import { UpstreamReport } from './upstream-report.ts';
import { createUpstreams } from './upstreams.ts';

const answers = (...addresses: string[]): LookupAddress[] =>
  addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

/** Follows a host through a script of lookups; an Error is a failed lookup. */
async function follow(script: readonly (string[] | Error)[], refuse: readonly number[] = []) {
  const { log, lines } = memoryLog();
  const stop = new AbortController();
  const commands: string[] = [];
  const socket: RuntimeApi = {
    async send(command) {
      if (command.startsWith('show servers state')) return '# srv_name srv_op_state\napp 2';
      if (!command.includes(' addr ')) return '';
      commands.push(command);
      if (refuse.includes(commands.length)) throw new Error('refused');
      return 'IP changed from';
    },
  };
  let lookups = 0;
  const lookup = async () => {
    const answer = script[lookups];
    lookups += 1;
    if (answer instanceof Error) throw answer;
    return answers(...(answer ?? []));
  };
  const clock = {
    now: () => new Date(0),
    async wait() {
      if (lookups >= script.length) stop.abort();
    },
  };
  const warnings: (string | undefined)[] = [];
  const warnOf = (subject: string, sentence: string | undefined) => {
    assert.equal(subject, 'the app at app');
    warnings.push(sentence);
  };
  const report = new UpstreamReport({ host: 'app', port: 80, inContainer: false, log, warnOf });
  const backends = [new BackendServers({ name: 'tcp:app:80', port: 80 })];
  const upstreamPort = new UpstreamPort({ port: 80, backends, report, probe: async () => undefined, clock });
  const app = new UpstreamHost({ host: 'app', ports: [upstreamPort], lookup, clock, log, warnOf });
  await app.follow(() => socket, stop.signal);
  return { addresses: commands.map((command) => command.split(' ')[4]), lines, warnings };
}

test('only changes are sent to HAProxy', async () => {
  const script = [['10.0.0.1'], ['10.0.0.1'], ['10.0.0.2'], ['10.0.0.2'], ['10.0.0.2']];
  const { addresses, lines } = await follow(script);
  assert.deepEqual(addresses, ['10.0.0.1', '10.0.0.2']);
  assert.equal(lines.length, 2);
});

test('unspecified addresses and those with a zone index are never sent to HAProxy', async () => {
  const { addresses } = await follow([['0.0.0.0', '::', 'fe80::1%eth0', '10.0.0.1']]);
  assert.deepEqual(addresses, ['10.0.0.1']);
});

test('a name that does not resolve is one warning until it does, and keeps its last address', async () => {
  const lost = new Error('ENOTFOUND');
  const { addresses, warnings } = await follow([
    lost,
    lost,
    ['10.0.0.1'],
    lost,
    [],
    ['10.0.0.1'],
    ['10.0.0.1'],
  ]);
  assert.deepEqual(addresses, ['10.0.0.1']);
  const [first, over, second, overAgain] = warnings;
  assert.equal(first, doesNotResolve('app', 'ENOTFOUND', []));
  assert.equal(second, doesNotResolve('app', 'ENOTFOUND', ['10.0.0.1']));
  assert.deepEqual([over, overAgain, warnings.length], [undefined, undefined, 4]);
});

test('addresses in another order are not logged', async () => {
  const script = [['10.0.0.1', '10.0.0.2'], ['10.0.0.2', '10.0.0.1'], ['10.0.0.1']];
  const { lines } = await follow(script);
  assert.deepEqual(
    lines.map(({ addresses }) => addresses),
    [['10.0.0.1', '10.0.0.2'], ['10.0.0.1']],
  );
});

test('a command that failed is sent again', async () => {
  const { addresses } = await follow([['10.0.0.1'], ['10.0.0.1'], ['10.0.0.1']], [1]);
  assert.deepEqual(addresses, ['10.0.0.1', '10.0.0.1']);
});

test('a host of several ports is looked up once for all of them', async () => {
  const { log } = memoryLog();
  const stop = new AbortController();
  const commands: string[] = [];
  const socket: RuntimeApi = {
    async send(command) {
      if (!command.includes(' addr ')) return '';
      commands.push(command);
      return 'IP changed from';
    },
  };
  let lookups = 0;
  const lookup = async () => {
    lookups += 1;
    return answers('10.0.0.1');
  };
  const clock = { now: () => new Date(0), wait: async () => stop.abort() };
  const routes = [80, 81].flatMap((port) => routesTo({ host: 'app', port }, [`app${port}.example`]));
  const apps = createUpstreams(
    { routes, maxconn: 100, evidencePort: undefined },
    { lookup, probe: async () => undefined, clock, log, warnOf: () => undefined },
  );
  await Promise.all(apps.map((app) => app.follow(() => socket, stop.signal)));
  assert.equal(lookups, 1);
  assert.deepEqual(
    commands.map((command) => [/tcp:app:\d+/.exec(command)?.[0], /port (\d+)/.exec(command)?.[1]]),
    [
      ['tcp:app:80', '80'],
      ['tcp:app:81', '81'],
    ],
  );
});

test('a lookup gets the signal, and its abort is not logged', async () => {
  const { log, lines } = memoryLog();
  const warnings: string[] = [];
  const warnOf = (subject: string) => void warnings.push(subject);
  const stop = new AbortController();
  const lookup = (_: string, signal = new AbortController().signal) =>
    new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  const app = new UpstreamHost({ host: 'app', ports: [], lookup, clock: systemClock, log, warnOf });
  const following = app.follow(() => undefined, stop.signal);
  stop.abort(new Error('stopped'));
  await following;
  assert.deepEqual([lines, warnings], [[], []]);
});

test('connections go to the current address of the name', async (t) => {
  const port = await startApp(t, greeter('first'), { host: '127.0.0.2' });
  await startApp(t, greeter('second'), { host: '127.0.0.3', port });
  let current = '127.0.0.2';
  const lookup = async () => answers(current);
  const { proxy, port: own } = await startTestProxy(t, { target: { host: 'app', port }, lookup });
  await proxy.install(await testCertificate('app.example'));
  const heard = async () => await receive(await openTls(t, own, 'app.example'));
  assert.equal(await heard(), 'first');
  current = '127.0.0.3';
  await eventually('the other app', async () => (await heard()) === 'second');
});

test('a name that resolves late, to an app that starts even later, is served without a restart', async (t) => {
  const appPort = await freePort();
  let known = false;
  const lookup = async () => {
    if (!known) throw new Error('ENOTFOUND');
    return answers('127.0.0.1');
  };
  const { proxy, port } = await startTestProxy(t, { target: { host: 'app', port: appPort }, lookup });
  await proxy.install(await testCertificate('app.example'));
  const { pid } = proxy;
  const begun = performance.now();
  assert.equal(await receive(await openTls(t, port, 'app.example')), '');
  assert.ok(performance.now() - begun < 1_000, 'closed at once, not after a timeout');
  known = true;
  await startApp(t, echo, { port: appPort });
  await eventually('the app is served', async () => {
    return (await exchange(await openTls(t, port, 'app.example'), 'hello')) === 'hello';
  });
  assert.equal(proxy.pid, pid);
});

test('an app that starts while a connection waits for it gets the connection', async (t) => {
  const appPort = await freePort();
  const { proxy, port } = await startTestProxy(t, { target: { host: '127.0.0.1', port: appPort } });
  await proxy.install(await testCertificate('app.example'));
  const waiting = await openTls(t, port, 'app.example');
  const begun = performance.now();
  const heard = receive(waiting);
  await systemClock.wait(300);
  await startApp(t, greeter('here now'), { port: appPort });
  assert.equal(await heard, 'here now');
  assert.ok(performance.now() - begun < 5_000);
});
