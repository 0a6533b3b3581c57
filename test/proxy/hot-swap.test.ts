import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { startStreamingApp, startUpgradingApp } from '../harness/apps/http-app.ts';
import { openHttp1, openHttp2 } from '../harness/clients/http-clients.ts';
import { openTls } from '../harness/clients/tls.ts';
import { eventually, type RunningTest, routesTo, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

const SWAPS = 50;
/** During these swaps, the pools and arenas of the allocator still grow. */
const WARM_UP = 10;
/**
 * A certificate takes 35 KiB in HAProxy: the 80 that are swapped after the warm-up would take 2,800
 * if they were not freed.
 */
const MOST_GROWTH_KIB = 1_500;

/**
 * A load that runs until it is stopped, and checks every byte. Returns the number of successful
 * exchanges.
 */
type Load = (running: () => boolean) => Promise<number>;

async function start(t: TestContext): Promise<RunningTest> {
  const running = await startTestProxy(t, {
    routes: [
      ...routesTo({ port: await startUpgradingApp(t), speaks: 'http/1.1' }, ['app.example'], ['http/1.1']),
      ...routesTo({ port: await startStreamingApp(t), speaks: 'h2' }, ['grpc.example'], ['h2']),
    ],
    threads: 2,
  });
  await swap(running);
  return running;
}

/** Other certificates for both names. Returns the serial number of the first. */
async function swap({ proxy }: RunningTest): Promise<string> {
  const certificate = await testCertificate('app.example');
  await Promise.all([
    proxy.install(certificate),
    testCertificate('grpc.example').then((it) => proxy.install(it)),
  ]);
  return certificate.serialNumber;
}

/** Requests in sequence on a persistent connection. */
const persistent = (t: TestContext, port: number): Load => {
  return async (running) => {
    const client = await openHttp1(t, port, 'app.example');
    let right = 0;
    for (; running(); right += 1) assert.equal((await client.get(`/${right}`)).body, `/${right}`);
    assert.equal(client.socket.destroyed, false);
    return right;
  };
};

/** Repeated handshakes, each with one request. */
const newConnections = (t: TestContext, port: number): Load => {
  return async (running) => {
    let right = 0;
    for (; running(); right += 1) {
      const client = await openHttp1(t, port, 'app.example');
      assert.equal((await client.get(`/new/${right}`)).body, `/new/${right}`);
      client.socket.destroy();
    }
    return right;
  };
};

/** Lines that the app echoes over a stream that stays open. */
const conversing = (open: () => Promise<Duplex>): Load => {
  return async (running) => {
    const stream = await open();
    const lines = createInterface({ input: stream })[Symbol.asyncIterator]();
    let right = 0;
    for (; running(); right += 1) {
      const line = `${right} ${randomBytes(1_500).toString('base64')}`;
      stream.write(`${line}\n`);
      assert.equal((await lines.next()).value, line);
    }
    assert.equal(stream.destroyed, false);
    return right;
  };
};

async function openUpgraded(t: TestContext, port: number): Promise<Duplex> {
  const socket = await openTls(t, port, 'app.example');
  const asked = ['GET /echo HTTP/1.1', 'host: app.example', 'connection: upgrade', 'upgrade: echo', '', ''];
  socket.write(asked.join('\r\n'));
  assert.match(String(await once(socket, 'data')), /^HTTP\/1.1 101 /);
  return socket;
}

async function openStream(t: TestContext, port: number): Promise<Duplex> {
  const { session } = await openHttp2(t, port, 'grpc.example');
  const stream = session.request({ ':method': 'POST', ':path': '/call' });
  await once(stream, 'response');
  return stream;
}

async function memoryKiB({ proxy }: RunningTest): Promise<number> {
  const status = await readFile(`/proc/${proxy.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}

test('fifty certificate swaps for two names under load fail nothing, close nothing and leak no memory', async (t) => {
  const running = await start(t);
  const { port, proxy, lines } = running;
  const { pid } = proxy;
  const loads: Record<string, Load[]> = {
    'persistent connections': Array.from({ length: 6 }, () => persistent(t, port)),
    'new connections': Array.from({ length: 3 }, () => newConnections(t, port)),
    'upgraded connections': Array.from({ length: 2 }, () => conversing(() => openUpgraded(t, port))),
    'HTTP/2 streams': Array.from({ length: 2 }, () => conversing(() => openStream(t, port))),
  };
  let on = true;
  const ends = Object.entries(loads).map(async ([what, some]) => {
    const right = await Promise.all(some.map((load) => load(() => on)));
    return { what, right };
  });
  const broken = Promise.all(ends).then(() => assert.ok(!on, 'a load ended too early'));
  const memory: number[] = [];
  let last = '';
  for (let swaps = 1; swaps <= SWAPS; swaps += 1) {
    await Promise.race([broken, swap(running).then((serial) => (last = serial))]);
    memory.push(await memoryKiB(running));
  }
  on = false;
  for (const { what, right } of await Promise.all(ends)) {
    t.diagnostic(`${what}: ${right.reduce((sum, one) => sum + one, 0)} answers`);
    for (const one of right) assert.ok(one > SWAPS, `${what}: ${right}`);
  }
  await broken;
  const client = await openTls(t, port, 'app.example');
  assert.equal(client.getPeerX509Certificate()?.serialNumber, last);
  assert.equal(proxy.pid, pid);
  await eventually('the log lines of the closed connections', () => lines.length > 0);
  assert.deepEqual(
    lines.filter((line) => line.level >= 40 && line['version'] === undefined),
    [],
  );
  const [before = 0, after = 0] = [memory[WARM_UP - 1], memory.at(-1)];
  t.diagnostic(
    `memory in KiB: ${memory[0]} initially, ${before} after ${WARM_UP} swaps, ${after} after ${SWAPS}`,
  );
  assert.ok(after - before < MOST_GROWTH_KIB, `${before} KiB, then ${after} KiB`);
});
