import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import process from 'node:process';
import { describe, type TestContext, test } from 'node:test';
import { tooManyAddresses } from '../../src/proxy/upstream/messages.ts';
import { afterTest } from '../harness/after-test.ts';
import { startTextApp } from '../harness/apps/http-app.ts';
import { echo, startApp } from '../harness/apps/tcp-app.ts';
import { openHttp1, openHttp2 } from '../harness/clients/http-clients.ts';
import { exchange, openTls, receive } from '../harness/clients/tls.ts';
import { startBlackhole } from '../harness/proxy/blackhole.ts';
import {
  eventually,
  freePort,
  type RunningTest,
  runtimeCommand,
  startTestProxy,
} from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

const [ONE, TWO, THREE] = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
const timeouts = { connect: 10_000, client: 60_000, server: 60_000 };
/** A connection that waits for a retry takes a second and more. */
const VISIBLE_MS = 900;

/**
 * An instance of an app that sends its address to each client, and can be stopped and started
 * again.
 */
async function startInstance(t: TestContext, host: string, port: number) {
  const open = new Set<Socket>();
  let server: Server;
  let connections = 0;
  const start = async () => {
    server = createServer((socket) => {
      connections += 1;
      open.add(socket);
      socket.on('error', () => undefined);
      socket.write(host);
      socket.pipe(socket);
    }).listen(port, host);
    await once(server, 'listening');
  };
  const stop = async () => {
    for (const socket of open) socket.destroy();
    open.clear();
    await new Promise((resolve) => server.close(resolve));
  };
  await start();
  afterTest(t, stop);
  return { start, stop, connections: () => connections };
}

async function serve(
  t: TestContext,
  port: number,
  addresses: () => readonly string[],
  options: Parameters<typeof startTestProxy>[1] = {},
): Promise<RunningTest> {
  const lookup = async () => addresses().map((address) => ({ address, family: 4 }));
  const target = { host: 'app', port, ...options.target };
  const running = await startTestProxy(t, { timeouts, lookup, ...options, target });
  await running.proxy.install(await testCertificate('app.example'));
  return running;
}

/** The address that answers, and after how many milliseconds. */
async function whoAnswers(t: TestContext, port: number): Promise<{ who: string; tookMs: number }> {
  const begun = performance.now();
  const client = await openTls(t, port, 'app.example');
  const who = await receive(client);
  client.destroy();
  return { who, tookMs: performance.now() - begun };
}

async function assertQuick(t: TestContext, port: number, who: readonly string[], times = 20): Promise<void> {
  const answers = [];
  for (let time = 0; time < times; time += 1) answers.push(await whoAnswers(t, port));
  assert.deepEqual(new Set(answers.map((answer) => answer.who)), new Set(who));
  const slowest = Math.max(...answers.map(({ tookMs }) => tookMs));
  assert.ok(slowest < VISIBLE_MS, `${slowest} ms`);
}

/** The addresses of the servers that are up. */
async function used(runtimeDir: string): Promise<readonly string[]> {
  const [, titles = '', ...rows] = (await runtimeCommand(runtimeDir, 'show servers state')).split('\n');
  const column = (name: string) => titles.replace('# ', '').split(' ').indexOf(name);
  return rows
    .map((row) => row.split(' '))
    .filter((row) => row[column('srv_op_state')] === '2' && /^app/.test(row[column('srv_name')] ?? ''))
    .map((row) => row[column('srv_addr')] ?? '');
}

async function untilUsed({ runtimeDir }: RunningTest, ...addresses: readonly string[]): Promise<void> {
  const wanted = [...addresses].sort().join();
  await eventually(
    `${wanted} are in use`,
    async () => [...new Set(await used(runtimeDir))].sort().join() === wanted,
  );
}

describe('a name with several addresses', { concurrency: 4 }, () => {
  test('all addresses that answer are used, and those that refuse cause no delay', async (t) => {
    const port = await freePort();
    for (const host of [TWO, THREE]) await startInstance(t, host, port);
    const running = await serve(t, port, () => [ONE, TWO, THREE]);
    await untilUsed(running, TWO, THREE);
    await assertQuick(t, running.port, [TWO, THREE]);
    const left = running.lines.filter(({ event }) => event === 'app-address-left-out');
    assert.deepEqual(
      left.map(({ address, why, level }) => [address, why, level]),
      [[ONE, 'ECONNREFUSED', 30]],
    );
  });

  test('an address that stops causes no delay and no failed connection, and is used again once it answers', async (t) => {
    const port = await freePort();
    await startInstance(t, ONE, port);
    const two = await startInstance(t, TWO, port);
    const running = await serve(t, port, () => [ONE, TWO]);
    await untilUsed(running, ONE, TWO);
    for (const _ of ['a first restart', 'a second one']) {
      await two.stop();
      await assertQuick(t, running.port, [ONE]);
      await untilUsed(running, ONE);
      await two.start();
      await untilUsed(running, ONE, TWO);
      await assertQuick(t, running.port, [ONE, TWO]);
    }
    // HAProxy's own messages about servers have the level debug.
    assert.deepEqual(
      running.lines.filter(({ msg, level }) => /^Server /.test(msg) && level > 20),
      [],
    );
  });

  test('an address that stopped repeatedly is used when the other one stops', async (t) => {
    const port = await freePort();
    const one = await startInstance(t, ONE, port);
    const two = await startInstance(t, TWO, port);
    const running = await serve(t, port, () => [ONE, TWO]);
    for (const _ of ['at once', 'after two seconds', 'after four']) {
      await untilUsed(running, ONE, TWO);
      await two.stop();
      await assertQuick(t, running.port, [ONE]);
      await untilUsed(running, ONE);
      await two.start();
    }
    await untilUsed(running, ONE, TWO);
    await two.stop();
    await assertQuick(t, running.port, [ONE]);
    await untilUsed(running, ONE);
    // Its back-off would last eight more seconds.
    await two.start();
    await one.stop();
    assert.equal((await whoAnswers(t, running.port)).who, TWO);
    await untilUsed(running, TWO);
    await assertQuick(t, running.port, [TWO]);
  });

  test('no client waits for an address that does not respond to connections', async (t) => {
    const port = await startBlackhole(t);
    await startInstance(t, TWO, port);
    const running = await serve(t, port, () => ['127.0.0.1', TWO]);
    await untilUsed(running, TWO);
    await assertQuick(t, running.port, [TWO]);
    const leftOut = () => running.lines.find(({ event }) => event === 'app-address-left-out');
    await eventually('the address is left out', () => leftOut() !== undefined);
    assert.deepEqual([leftOut()?.['address'], leftOut()?.['why']], ['127.0.0.1', 'ETIMEDOUT']);
  });

  test('when an address stops responding to connections, only the first clients wait for it', async (t) => {
    const port = await startBlackhole(t);
    await startInstance(t, TWO, port);
    const probe = async () => undefined;
    const options = { probe, timeouts: { ...timeouts, connect: 1_000 } };
    const running = await serve(t, port, () => ['127.0.0.1', TWO], options);
    await untilUsed(running, '127.0.0.1', TWO);
    // Both the main server and a slot may have this address.
    const first = await Promise.all([1, 2, 3, 4].map(() => whoAnswers(t, running.port)));
    assert.deepEqual(new Set(first.map(({ who }) => who)), new Set([TWO]));
    await untilUsed(running, TWO);
    await assertQuick(t, running.port, [TWO], 5);
  });

  for (const speaks of ['http/1.1', 'h2'] as const) {
    test(`requests (${speaks}) go to both addresses`, async (t) => {
      const port = await startTextApp(t, { speaks, host: ONE }, () => ONE);
      await startTextApp(t, { speaks, host: TWO, port }, () => TWO);
      const running = await serve(t, port, () => [ONE, TWO], { target: { speaks } });
      await untilUsed(running, ONE, TWO);
      const who = new Set<string>();
      for (let request = 0; request < 10; request += 1)
        who.add((await (await openHttp1(t, running.port, 'app.example')).get('/')).body);
      assert.deepEqual(who, new Set([ONE, TWO]));
    });
  }

  test('when all addresses refuse, a client is served if one is back within three seconds', async (t) => {
    const port = await freePort();
    const instances = [await startInstance(t, ONE, port), await startInstance(t, TWO, port)];
    const running = await serve(t, port, () => [ONE, TWO]);
    await untilUsed(running, ONE, TWO);
    for (const instance of instances) await instance.stop();
    const begun = performance.now();
    assert.equal((await whoAnswers(t, running.port)).who, '');
    const tookMs = performance.now() - begun;
    // A client that finds both down may have used all its retries.
    assert.ok(tookMs < 5_000, `${tookMs} ms`);
    // HAProxy now knows that both are down; a later client has as much time as with one address.
    const waiting = whoAnswers(t, running.port);
    await eventually('a retry', async () => (await retries(running)) > 0);
    await instances[1]?.start();
    const { who, tookMs: waitedMs } = await waiting;
    assert.equal(who, TWO);
    assert.ok(waitedMs < 3_500, `${waitedMs} ms`);
  });

  test('an address that is removed gets no more connections, and keeps those that it has', async (t) => {
    const port = await freePort();
    const one = await startInstance(t, ONE, port);
    await startInstance(t, TWO, port);
    let addresses = [ONE, TWO];
    const running = await serve(t, port, () => addresses);
    await untilUsed(running, ONE, TWO);
    const open = await Promise.all(Array.from({ length: 6 }, () => openTls(t, running.port, 'app.example')));
    const at = await Promise.all(open.map(receive));
    assert.deepEqual(new Set(at), new Set([ONE, TWO]));
    addresses = [TWO, THREE];
    await startInstance(t, THREE, port);
    await untilUsed(running, TWO, THREE);
    const before = one.connections();
    for (let time = 0; time < 10; time += 1) assert.notEqual((await whoAnswers(t, running.port)).who, '');
    assert.equal(one.connections(), before);
    for (const client of open) assert.equal(await exchange(client, 'still here'), 'still here');
  });

  test('if the order of the addresses changes with each lookup, nothing changes in HAProxy', async (t) => {
    const port = await freePort();
    for (const host of [ONE, TWO, THREE]) await startInstance(t, host, port);
    let lookups = 0;
    const turned = () => {
      lookups += 1;
      return [ONE, TWO, THREE].map((_, at, all) => all[(at + lookups) % 3] ?? '');
    };
    const running = await serve(t, port, turned);
    await untilUsed(running, ONE, TWO, THREE);
    const [before, since] = [await used(running.runtimeDir), lookups];
    await eventually('three more lookups', () => lookups > since + 3);
    assert.deepEqual(await used(running.runtimeDir), before);
    assert.equal(running.lines.filter((line) => 'addresses' in line).length, 1);
    assert.ok(!running.lines.some(({ event }) => event === 'app-address-left-out'));
  });

  test('together they get at most MAXCONN concurrent requests', async (t) => {
    const waiting: Socket[] = [];
    let most = 0;
    const hold = (socket: Socket) =>
      socket.once('data', () => {
        waiting.push(socket);
        most = Math.max(most, waiting.length);
      });
    const port = await startApp(t, hold, { host: ONE });
    await startApp(t, hold, { host: TWO, port });
    const target = { speaks: 'http/1.1' } as const;
    const running = await serve(t, port, () => [ONE, TWO], { maxconn: 5, target, alpn: ['h2'] });
    await untilUsed(running, ONE, TWO);
    const client = await openHttp2(t, running.port, 'app.example');
    const answers = Array.from({ length: 12 }, () => client.get('/'));
    let answered = 0;
    while (answered < answers.length) {
      await eventually('a request', () => waiting.length === Math.min(5, answers.length - answered));
      waiting.shift()?.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok');
      answered += 1;
    }
    assert.deepEqual(new Set((await Promise.all(answers)).map(({ body }) => body)), new Set(['ok']));
    assert.equal(most, 5);
  });

  test('a restarted HAProxy has the addresses before it has a certificate', async (t) => {
    const port = await freePort();
    for (const host of [ONE, TWO]) await startInstance(t, host, port);
    const running = await serve(t, port, () => [ONE, TWO]);
    await untilUsed(running, ONE, TWO);
    const { pid } = running.proxy;
    process.kill(pid ?? 0, 'SIGKILL');
    await eventually('another HAProxy', () => running.proxy.pid !== undefined && running.proxy.pid !== pid);
    assert.deepEqual(new Set(await used(running.runtimeDir)), new Set([ONE, TWO]));
    await assertQuick(t, running.port, [ONE, TWO]);
  });

  test('more addresses than are used at once are a warning', async (t) => {
    const port = await freePort();
    const hosts = Array.from({ length: 9 }, (_, at) => `127.0.1.${at + 1}`);
    for (const host of hosts) await startApp(t, echo, { host, port });
    const warnings: string[] = [];
    const warnOf = (_: string, sentence?: string) => void (sentence && warnings.push(sentence));
    const running = await serve(t, port, () => hosts, { warnOf });
    await eventually('eight are used', async () => new Set(await used(running.runtimeDir)).size === 8);
    await eventually('the warning', () => warnings.length > 0);
    assert.deepEqual(warnings, [tooManyAddresses({ host: 'app', port }, 9)]);
  });
});

/** The number of HAProxy's retries. */
async function retries({ runtimeDir }: RunningTest): Promise<number> {
  const [titles = [], ...rows] = (await runtimeCommand(runtimeDir, 'show stat'))
    .split('\n')
    .map((line) => line.split(','));
  const at = titles.indexOf('wretr');
  return rows.filter(([, name]) => name === 'BACKEND').reduce((sum, row) => sum + Number(row[at]), 0);
}
