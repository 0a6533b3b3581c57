import assert from 'node:assert/strict';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { systemClock } from '../../src/clock.ts';
import { renderHaproxy } from '../../src/proxy/config/render.ts';
import { renderRouteMap } from '../../src/proxy/config/routes.ts';
import { processRights, privilegesToDrop } from '../../src/proxy/process/host.ts';
import { type HaproxyProcess, launchHaproxy } from '../../src/proxy/process/process.ts';
import { prepareRuntimeDir, runtimePaths } from '../../src/proxy/process/runtime-dir.ts';
import { findStale, awaitExit } from '../../src/proxy/process/takeover.ts';
import { installCertificate } from '../../src/proxy/runtime/certificates.ts';
import { showInfo } from '../../src/proxy/runtime/commands.ts';
import { runtimeApi } from '../../src/proxy/runtime/runtime-api.ts';
import { afterTest } from '../harness/after-test.ts';
import { memoryLog } from '../harness/memory-log.ts';
import {
  echo,
  eventually,
  freePort,
  haproxyBin,
  openTls,
  routesTo,
  say,
  startApp,
  startTestProxy,
  temporaryDir,
} from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

/** An HAProxy as a control plane leaves it that is killed: nobody supervises it. */
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

test('the HAProxy of a control plane that was killed hands over its port and finishes its connections', async (t) => {
  const [runtimeDir, port] = [await temporaryDir(t), await freePort()];
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
  assert.equal(await say(early, 'before'), 'before');

  const { proxy, lines } = await startTestProxy(t, { runtimeDir, port, target });
  assert.notEqual(proxy.pid, stale.pid);
  assert.equal(await say(early, 'still here'), 'still here');
  const next = await testCertificate('app.example');
  await proxy.install(next);
  for (let connection = 0; connection < 20; connection += 1) {
    const host = connection % 2 === 0 ? '127.0.0.1' : '::1';
    const late = await openTls(t, port, 'app.example', { host });
    assert.equal(late.getPeerX509Certificate()?.serialNumber, next.serialNumber);
  }
  early.end();
  assert.match(await stale.exited, /exit code 0/);
  await eventually('the log says so', () => lines.some(({ msg }) => /earlier run has finished/.test(msg)));
  assert.ok(!lines.some(({ level }) => level >= 40));
  assert.equal((await showInfo(runtimeApi(paths.socket, systemClock))).pid, proxy.pid);
});

test('an HAProxy that does not finish in time is killed', async (t) => {
  const [runtimeDir, port] = [await temporaryDir(t), await freePort()];
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
  assert.match(await left.exited, /SIGKILL/);
});

test('it is known whatever its program is called, and by whatever path its folder', async (t) => {
  const [folder, port] = [await temporaryDir(t), await freePort()];
  const [program, runtimeDir, again] = ['edge', 'run', 'run-again'].map((name) => join(folder, name));
  assert.ok(program && runtimeDir && again);
  await symlink((await execa('which', [haproxyBin])).stdout, program);
  const left = await leaveBehind(runtimeDir, port, undefined, program);
  afterTest(t, () => left.stop());
  await symlink(runtimeDir, again);
  const { lines } = await startTestProxy(t, { runtimeDir: again, port });
  assert.match(await left.exited, /exit code 0/);
  assert.ok(lines.some(({ msg, pid }) => /taking over/.test(msg) && pid === left.pid));
});

/** Answers on the runtime socket of a folder as an HAProxy with some pid would. */
async function answerAs(t: TestContext, pid: number | undefined): Promise<string> {
  const runtimeDir = await temporaryDir(t);
  const server = createServer((socket) => socket.end(`Name: HAProxy\nPid: ${pid}\n`));
  server.listen(runtimePaths(runtimeDir).socket);
  afterTest(t, () => server.close());
  return runtimeDir;
}

test('what else answers on the socket path is left alone, and told of', async (t) => {
  const { proxy: other } = await startTestProxy(t);
  const nobody = 4_194_305; // pids end below it (proc_sys_kernel(5), pid_max)
  for (const pid of [process.pid, other.pid, nobody]) {
    const runtimeDir = await answerAs(t, pid);
    const { proxy, lines } = await startTestProxy(t, { runtimeDir });
    assert.equal(proxy.running, true);
    assert.ok(!lines.some(({ msg }) => /taking over/.test(msg)));
    assert.ok(lines.some(({ level, msg }) => level === 40 && /RUNTIME_DIR is for one ingress/.test(msg)));
  }
  assert.equal(other.running, true);
});

test('too few open files mean fewer connections and a line in the log, not a failure', async (t) => {
  const runtimeDir = await temporaryDir(t);
  const script = `${runtimeDir}/haproxy-with-few-files`;
  // root would raise the limit again, but for the missing capability.
  const limited = process.getuid?.() === 0 ? 'setpriv --bounding-set -sys_resource' : '';
  await writeFile(script, `#!/bin/sh\nulimit -n 1024\nexec ${limited} ${haproxyBin} "$@"\n`, { mode: 0o755 });
  const { proxy, lines, port } = await startTestProxy(t, { runtimeDir, haproxyBin: script, maxconn: 4_096 });
  const warning = lines.find(({ level }) => level >= 40);
  assert.match(
    warning?.msg ?? '',
    /only (4\d\d|50\d) of MAXCONN=4096 connections fit .* "ulimit -n" to 8\d\d\d/,
  );
  assert.match(await readFile(`/proc/${proxy.pid}/limits`, 'utf8'), /Max open files\s+1024/);
  const info = await runtimeApi(runtimePaths(runtimeDir).socket, systemClock).send('show info');
  assert.match(info, /^Maxconn: (4\d\d|50\d)$/m);
  await proxy.install(await testCertificate('app.example'));
  await openTls(t, port, 'app.example');
});
