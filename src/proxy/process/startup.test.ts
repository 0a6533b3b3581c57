import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { openTls } from '../../../test/harness/clients/tls.ts';
import { haproxyBin, startTestProxy } from '../../../test/harness/proxy/proxy.ts';
import { testCertificate } from '../../../test/harness/proxy/proxy-certificate.ts';
import { temporaryDirectory } from '../../../test/harness/temporary-directory.ts';
import { systemClock } from '../../clock.ts';
import { runtimeApi } from '../runtime/runtime-api.ts';
import { runtimePaths } from './runtime-dir.ts';
import { resendsRequests } from './startup.ts';

const versions: readonly [version: string, warns: boolean][] = [
  ['2.6.12-1+deb12u4', true],
  ['2.9.0', true],
  ['3.0.11-1+deb13u4', false],
  ['10.0.0', false],
  ['unknown', false],
];
for (const [version, warns] of versions)
  test(`HAProxy ${version} gets ${warns ? 'a' : 'no'} warning that clients send requests again`, () => {
    assert.equal(resendsRequests(version), warns);
  });

test('with too low a limit of open files, HAProxy starts with fewer connections and a warning', async (t) => {
  const runtimeDir = temporaryDirectory(t);
  const script = `${runtimeDir}/haproxy-with-few-files`;
  // Without SYS_RESOURCE, root cannot raise the limit again.
  const limited = process.getuid?.() === 0 ? 'setpriv --bounding-set -sys_resource' : '';
  await writeFile(script, `#!/bin/sh\nulimit -n 1024\nexec ${limited} ${haproxyBin} "$@"\n`, { mode: 0o755 });
  const { proxy, lines, port } = await startTestProxy(t, { runtimeDir, haproxyBin: script, maxconn: 4_096 });
  const [warning] = lines.filter(({ level }) => level >= 40);
  assert.ok(warning);
  const { connections, maxconn, descriptors, descriptorsWanted } = warning;
  const [up, ...more] = lines.filter(({ event }) => event === 'haproxy-up');
  assert.deepEqual([up?.['pid'], up?.['connections'], more], [proxy.pid, connections, []]);
  assert.deepEqual([maxconn, descriptors], [4_096, 1_024]);
  assert.match(String(connections), /^(4\d\d|50\d)$/);
  assert.match(String(descriptorsWanted), /^8\d\d\d$/);
  assert.match(await readFile(`/proc/${proxy.pid}/limits`, 'utf8'), /Max open files\s+1024/);
  const info = await runtimeApi(runtimePaths(runtimeDir).socket, systemClock).send('show info');
  assert.match(info, /^Maxconn: (4\d\d|50\d)$/m);
  await proxy.install(await testCertificate('app.example'));
  await openTls(t, port, 'app.example');
});
