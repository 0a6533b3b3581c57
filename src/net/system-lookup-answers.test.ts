import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { execa } from 'execa';
import { afterTest } from '../../test/harness/after-test.ts';
import { startDnsServer } from '../../test/harness/dns/dns-server.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import { ownMounts, whyNoOwnMounts } from '../../test/world/faults/own-mounts.ts';
import { claimLoopback } from '../../test/world/loopback.ts';

const MODULE = new URL('system-lookup.ts', import.meta.url);
const PROGRAM = `const { systemLookup } = await import(${JSON.stringify(MODULE.href)});
await systemLookup('app.example').catch(({ code }) => process.stdout.write(code));`;

for (const [rcode, code] of [
  ['NXDOMAIN', 'ENOTFOUND'],
  ['NOERROR', 'ENOTFOUND'],
  ['SERVFAIL', 'EAI_AGAIN'],
  ['REFUSED', 'EAI_AGAIN'],
] as const) {
  test(`a resolver that answers ${rcode} at once: ${code}`, {
    skip: (await whyNoOwnMounts()) ?? false,
  }, async (t) => {
    const loopback = await claimLoopback();
    afterTest(t, () => loopback[Symbol.asyncDispose]());
    const resolver = await startDnsServer(t, () => ({ rcode }), { address: loopback.next(), port: 53 });
    const source = join(temporaryDirectory(t), 'resolv.conf');
    await writeFile(source, `nameserver ${resolver.address}\n`);
    const mounted = ownMounts([{ source, target: '/etc/resolv.conf' }]);
    const [program, ...args] = [...mounted, process.execPath, '--input-type=module', '-e', PROGRAM];
    const { stdout } = await execa(program, args);
    assert.equal(stdout, code);
  });
}
