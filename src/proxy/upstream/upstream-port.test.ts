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

/** An HAProxy with clients all the time: it marks every slot whose address is down. */
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

/** A port with two addresses. Those in `deceiving` accept probes and refuse HAProxy. */
function start() {
  const { log, lines } = memoryLog();
  const clock = createFakeClock();
  const [down, deceiving] = [new Set<string>(), new Set<string>()];
  const haproxy = busyHaproxy(down);
  const port = new UpstreamPort({
    ...{ port: 80, clock },
    backends: [new BackendServers({ name: 'app', port: 80 })],
    report: new UpstreamReport({ host: 'app', port: 80, inContainer: false, log, warnOf: () => undefined }),
    probe: async ({ address }) => (down.has(address) && !deceiving.has(address) ? 'ECONNREFUSED' : undefined),
  });
  const { signal } = new AbortController();
  const update = async (times = 1) => {
    for (let time = 0; time < times; time += 1) {
      await port.update([ONE, TWO], () => haproxy.socket, signal);
      // Probes complete before the next update.
      await new Promise(setImmediate);
      await clock.wait(1_000);
    }
  };
  const fail = async (address: string, times: number) => {
    for (let time = 0; time < times; time += 1) {
      down.add(address);
      await update();
      down.delete(address);
      await update(time + 1 < times ? 40 : 1);
    }
  };
  return { ...haproxy, update, fail, down, deceiving, clock, lines };
}

test('an address that failed repeatedly is not probed for a while if another one answers', async () => {
  const { update, fail, used } = start();
  await update(2);
  await fail(TWO, 4);
  assert.deepEqual(used(), new Set([ONE]));
  await update(40);
  assert.deepEqual(used(), new Set([ONE, TWO]));
});

test('an address that backs off is used as soon as the only other one fails', async () => {
  const { update, fail, down, main, used } = start();
  await update(2);
  await fail(TWO, 4);
  down.add(ONE);
  await update();
  assert.equal(main(), TWO);
  assert.deepEqual(used(), new Set([TWO]));
});

test('when both have failed, the one that comes back is used at once in spite of its backoff', async () => {
  const { update, fail, down, used } = start();
  await update(2);
  await fail(TWO, 4);
  down.add(ONE).add(TWO);
  await update(3);
  down.delete(TWO);
  await update();
  assert.deepEqual(used(), new Set([TWO]));
});

test('two addresses that accept probes and fail for HAProxy are not logged every second', async () => {
  const { update, down, deceiving, lines } = start();
  await update(2);
  for (const address of [ONE, TWO]) {
    down.add(address);
    deceiving.add(address);
  }
  await update(600);
  assert.ok(lines.length < 150, `${lines.length} lines`);
});

test('a clock that is set back ends the backoff of an address', async () => {
  const { update, fail, clock, used } = start();
  await update(2);
  await fail(TWO, 4);
  assert.deepEqual(used(), new Set([ONE]));
  clock.set(new Date(clock.now().getTime() - HOUR_MS));
  await update();
  await update();
  assert.deepEqual(used(), new Set([ONE, TWO]));
});
