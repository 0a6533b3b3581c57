import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { afterTest } from '../../../test/harness/after-test.ts';
import { echo, startApp } from '../../../test/harness/apps/tcp-app.ts';
import { exchange, openTls } from '../../../test/harness/clients/tls.ts';
import { memoryLog } from '../../../test/harness/memory-log.ts';
import {
  eventually,
  freePort,
  haproxyBin,
  routesTo,
  startTestProxy,
} from '../../../test/harness/proxy/proxy.ts';
import { testCertificate } from '../../../test/harness/proxy/proxy-certificate.ts';
import { temporaryDirectory } from '../../../test/harness/temporary-directory.ts';
import { systemClock } from '../../clock.ts';
import { renderHaproxy } from '../config/render.ts';
import { renderRouteMap } from '../config/route-map.ts';
import { installCertificate } from '../runtime/certificates.ts';
import { showInfo } from '../runtime/commands.ts';
import { runtimeApi } from '../runtime/runtime-api.ts';
import { privilegesToDrop, processRights } from './host.ts';
import { type HaproxyProcess, launchHaproxy } from './process.ts';
import { prepareRuntimeDir, runtimePaths } from './runtime-dir.ts';
import { awaitExit, findStale } from './takeover.ts';

/** An HAProxy without a supervisor, as a control plane leaves it when it is killed. */
async function leaveBehind(
  runtimeDir: string,
  port: number,
  target: { host: string; port: number } = { host: '127.0.0.1', port: 9 },
  program = haproxyBin,
): Promise<HaproxyProcess> {
  const paths = runtimePaths(runtimeDir);
  const privileges = privilegesToDrop(processRights(), paths.chroot);
  const routes = routesTo(target);
  const config = renderHaproxy({
    ...{ port, ipv6: true, routes, paths, privileges },
    ...{ maxconn: 100, timeouts: { connect: 1_000, client: 60_000, server: 60_000 }, drainMs: 1_000 },
    ...{ acceptProxy: false, sendProxy: 'off', upstreamTls: { verify: true }, evidencePort: undefined },
  });
  await prepareRuntimeDir(paths, { config, routes: renderRouteMap(routes) }, privileges);
  const { log } = memoryLog();
  const options = {
    ...{ haproxyBin: program, port, paths },
    ...{ drainMs: 0, clock: systemClock, log },
  };
  return await launchHaproxy(options, new AbortController().signal);
}

test('the HAProxy of a killed control plane hands over its port and finishes its connections', async (t) => {
  const [runtimeDir, port] = [temporaryDirectory(t), await freePort()];
  const target = { host: '127.0.0.1', port: await startApp(t, echo) };
  const paths = runtimePaths(runtimeDir);
  const stale = await leaveBehind(runtimeDir, port, target);
  afterTest(t, () => stale.stop());
  const certificate = await testCertificate('app.example');
  const list = { path: paths.crtList, directory: paths.certificates };
  await installCertificate(stale.api, list, {
    ...certificate,
    names: ['app.example'],
    except: [],
    alpn: [],
  });
  const early = await openTls(t, port, 'app.example');
  assert.equal(await exchange(early, 'before'), 'before');

  const { proxy, lines } = await startTestProxy(t, { runtimeDir, port, target });
  assert.notEqual(proxy.pid, stale.pid);
  assert.equal(await exchange(early, 'still here'), 'still here');
  const next = await testCertificate('app.example');
  await proxy.install(next);
  for (let connection = 0; connection < 20; connection += 1) {
    const host = connection % 2 === 0 ? '127.0.0.1' : '::1';
    const late = await openTls(t, port, 'app.example', { host });
    assert.equal(late.getPeerX509Certificate()?.serialNumber, next.serialNumber);
  }
  early.end();
  assert.equal((await stale.exited).exitCode, 0);
  // One line for the takeover, and one for its end.
  await eventually('both lines', () => lines.filter(({ pid }) => pid === stale.pid).length === 2);
  assert.ok(!lines.some(({ level }) => level >= 40));
  assert.equal((await showInfo(runtimeApi(paths.socket, systemClock))).pid, proxy.pid);
});

test('an earlier HAProxy that does not finish in time is killed', async (t) => {
  const [runtimeDir, port] = [temporaryDirectory(t), await freePort()];
  const left = await leaveBehind(runtimeDir, port);
  afterTest(t, () => left.stop());
  const { signal } = new AbortController();
  const stale = await findStale(runtimePaths(runtimeDir), {
    clock: systemClock,
    log: memoryLog().log,
    signal,
  });
  assert.equal(stale?.pid, left.pid);
  process.kill(left.pid, 'SIGSTOP');
  await awaitExit(stale, { clock: systemClock, log: memoryLog().log, timeoutMs: 100, signal });
  assert.equal((await left.exited).signal, 'SIGKILL');
});

test('an earlier HAProxy is recognized under any program name and any path of its directory', async (t) => {
  const [folder, port] = [temporaryDirectory(t), await freePort()];
  const [program, runtimeDir, again] = ['edge', 'run', 'run-again'].map((name) => join(folder, name));
  assert.ok(program && runtimeDir && again);
  await symlink((await execa('which', [haproxyBin])).stdout, program);
  const left = await leaveBehind(runtimeDir, port, undefined, program);
  afterTest(t, () => left.stop());
  await symlink(runtimeDir, again);
  const { lines } = await startTestProxy(t, { runtimeDir: again, port });
  assert.equal((await left.exited).exitCode, 0);
  assert.ok(lines.some(({ pid, level }) => pid === left.pid && level === 30));
});

/** Answers on the runtime API socket of a directory as an HAProxy with some pid would. */
async function answerAs(t: TestContext, pid: number | undefined): Promise<string> {
  const runtimeDir = temporaryDirectory(t);
  const server = createServer((socket) => socket.end(`Name: HAProxy\nPid: ${pid}\n`));
  server.listen(runtimePaths(runtimeDir).socket);
  afterTest(t, () => server.close());
  return runtimeDir;
}

test('another program that answers on the socket is left alone, with a warning', async (t) => {
  const { proxy: other } = await startTestProxy(t);
  const unused = 4_194_305; // pids end below it (proc_sys_kernel(5), pid_max)
  for (const pid of [process.pid, other.pid, unused]) {
    const runtimeDir = await answerAs(t, pid);
    const { proxy, lines } = await startTestProxy(t, { runtimeDir });
    assert.equal(proxy.running, true);
    const { socket } = runtimePaths(runtimeDir);
    const warnings = lines.filter((line) => line['socket'] !== undefined);
    assert.deepEqual(
      warnings.map((line) => [line.level, line['pid'], line['socket']]),
      [[40, pid, socket]],
    );
    // Every line of this process has its pid, unless a takeover names another.
    if (pid !== process.pid) assert.ok(!lines.some((line) => line.level === 30 && line['pid'] === pid));
  }
  assert.equal(other.running, true);
});
