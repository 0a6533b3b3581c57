import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { haproxyBin, startTestProxy } from '../../../test/harness/proxy/proxy.ts';
import { temporaryDirectory } from '../../../test/harness/temporary-directory.ts';
import type { IngressError } from '../../errors.ts';
import { mayChroot, privilegesToDrop, processRights, sharedUserWarning } from './host.ts';

const CHROOT = '/run/x/chroot';
const status = (effective: string) => `Uid:\t0\t0\t0\t0\nCapInh:\t0000000000000000\nCapEff:\t${effective}\n`;

test('SYS_CHROOT is read from the effective capabilities', () => {
  assert.equal(mayChroot(status('00000000a80425fb')), true); // Docker's default
  assert.equal(mayChroot(status('00000000000004c0')), false); // NET_BIND_SERVICE, SETUID, SETGID
  assert.equal(mayChroot(status('0000000000040000')), true);
  assert.equal(mayChroot(''), true);
  assert.equal(processRights().uid, process.getuid?.());
});

test('only root drops privileges, and changes the root directory only with SYS_CHROOT', () => {
  const account = { user: 'haproxy', group: 'haproxy' };
  assert.equal(privilegesToDrop({ uid: 1000, mayChroot: true }, CHROOT), undefined);
  assert.equal(privilegesToDrop({ uid: undefined, mayChroot: true }, CHROOT), undefined);
  assert.deepEqual(privilegesToDrop({ uid: 0, mayChroot: true }, CHROOT), { ...account, chroot: CHROOT });
  assert.deepEqual(privilegesToDrop({ uid: 0, mayChroot: false }, CHROOT), account);
});

const isRoot = process.getuid?.() === 0;

test("there is a warning if HAProxy runs as the control plane's user, unless that is root", () => {
  assert.ok(sharedUserWarning({ uid: 10_001 }));
  assert.equal(sharedUserWarning({ uid: 0 }), undefined);
});

test('without a capability that HAProxy needs, the start fails and the error names the capability', {
  skip: !isRoot,
}, async (t) => {
  for (const [dropped, capabilities] of [
    ['net_bind_service', ['NET_BIND_SERVICE']],
    ['setuid', ['SETUID', 'SETGID']],
    ['setgid', ['SETUID', 'SETGID']],
  ] as const) {
    const port = await freePrivilegedPort();
    const start = startTestProxy(t, { port, haproxyBin: await haproxyWithout(t, dropped) });
    await assert.rejects(start, (thrown: IngressError) => {
      assert.equal(thrown.code, 'PROXY_START_FAILED');
      assert.deepEqual(thrown.details['capabilities'], capabilities);
      return true;
    });
  }
});

/** A program that starts HAProxy without a capability, as in a container that has dropped it. */
async function haproxyWithout(t: TestContext, capability: string): Promise<string> {
  const path = join(temporaryDirectory(t), 'haproxy');
  const drop = `--bounding-set=-${capability} --inh-caps=-${capability}`;
  await writeFile(path, `#!/bin/sh\nexec setpriv ${drop} ${haproxyBin} "$@"\n`);
  await chmod(path, 0o755);
  return path;
}

async function freePrivilegedPort(): Promise<number> {
  for (let port = 1023; ; port -= 1) {
    const server = createServer();
    const listening = once(server, 'listening');
    server.listen(port, '0.0.0.0');
    const free = await listening.then(
      () => true,
      () => false,
    );
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
