import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '../../../test/harness/fake-clock.ts';
import { memoryLog } from '../../../test/harness/memory-log.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import { BackendServers } from './backend-servers.ts';
import { UpstreamPort } from './upstream-port.ts';
import { UpstreamReport } from './upstream-report.ts';

const [ONE, TWO] = ['10.0.0.1', '10.0.0.2'];
const HOUR_MS = 3_600_000;

/** An HAProxy whose clients come all the time: the slots that lead to what is down are out. */
function busyHaproxy(down: ReadonlySet<string>) {
  const servers = new Map<string, string>();
  const socket: RuntimeApi = {
    async send(command) {
      const [, , server = '', what, value = ''] = command.split(' ');
      if (command.startsWith('show servers state')) {
        const rows = [...servers].map(([name, address]) => `${name} ${down.has(address) ? 0 : 2}`);
        return ['# srv_name srv_op_state', ...rows].join('\n');
      }
      const name = server.replace('app/', '');
      if (what === 'addr') servers.set(name, value);
      if (value === 'maint') servers.delete(name);
      return what === 'addr' ? 'IP changed from' : '';
    },
  };
  return { socket, main: () => servers.get('app'), used: () => new Set(servers.values()) };
}

/** Two addresses. Those that deceive accept our connections and no others. */
function start() {
  const { log, lines } = memoryLog();
  const clock = createFakeClock();
  const [down, deceiving] = [new Set<string>(), new Set<string>()];
  const haproxy = busyHaproxy(down);
  const servers = new UpstreamPort({
    ...{ port: 80, clock },
    backends: [new BackendServers({ name: 'app', port: 80 })],
    report: new UpstreamReport({ host: 'app', port: 80, inContainer: false, log, warnOf: () => undefined }),
    probe: async ({ address }) =>
      down.has(address) && !deceiving.has(address) ? 'ECONNREFUSED' : undefined,
  });
  const { signal } = new AbortController();
  const look = async (times = 1) => {
    for (let time = 0; time < times; time += 1) {
      await servers.update([ONE, TWO], () => haproxy.socket, signal);
      // What was asked for is answered before the next look.
      await new Promise(setImmediate);
      await clock.wait(1_000);
    }
  };
  const fail = async (address: string, times: number) => {
    for (let time = 0; time < times; time += 1) {
      down.add(address);
      await look();
      down.delete(address);
      await look(time + 1 < times ? 40 : 1);
    }
  };
  return { ...haproxy, look, fail, down, deceiving, clock, lines };
}

test('an address that failed again and again rests while another one answers', async () => {
  const { look, fail, used } = start();
  await look(2);
  await fail(TWO, 4);
  assert.deepEqual(used(), new Set([ONE]));
  await look(40);
  assert.deepEqual(used(), new Set([ONE, TWO]));
});

test('an address that rests is used as soon as the only other one is heard to fail', async () => {
  const { look, fail, down, main, used } = start();
  await look(2);
  await fail(TWO, 4);
  down.add(ONE);
  await look();
  assert.equal(main(), TWO);
  assert.deepEqual(used(), new Set([TWO]));
});

test('when both have failed, the one that comes back is used at once, though it should rest', async () => {
  const { look, fail, down, used } = start();
  await look(2);
  await fail(TWO, 4);
  down.add(ONE).add(TWO);
  await look(3);
  down.delete(TWO);
  await look();
  assert.deepEqual(used(), new Set([TWO]));
});

test('in ten minutes, two addresses that accept our connections and fail for HAProxy are not spoken of every second', async () => {
  const { look, down, deceiving, lines } = start();
  await look(2);
  for (const address of [ONE, TWO]) {
    down.add(address);
    deceiving.add(address);
  }
  await look(600);
  assert.ok(lines.length < 150, `${lines.length} lines`);
});

test('a clock that is set back ends the rest of an address', async () => {
  const { look, fail, clock, used } = start();
  await look(2);
  await fail(TWO, 4);
  assert.deepEqual(used(), new Set([ONE]));
  clock.set(new Date(clock.now().getTime() - HOUR_MS));
  await look();
  await look();
  assert.deepEqual(used(), new Set([ONE, TWO]));
});
