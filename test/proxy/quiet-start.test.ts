import assert from 'node:assert/strict';
import { test } from 'node:test';
import { privilegesToDrop, processRights } from '../../src/proxy/process/host.ts';
import { freePort, routesTo, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

/** Every kind of target, so that haproxy.cfg has all sections. */
const routes = [
  ...routesTo({ port: 9, speaks: 'h2' }, ['a.example'], ['h2']),
  ...routesTo({ host: 'app.invalid', speaks: 'http/1.1', tls: true }, ['b.example'], ['h2', 'http/1.1']),
  ...routesTo({ port: 10 }, ['c.example', '*.d.example'], ['http/1.1']),
];

for (const mayChroot of [true, false]) {
  test(`HAProxy starts and stops without warnings, ${mayChroot ? 'with' : 'without'} the capability SYS_CHROOT`, async (t) => {
    const privileges = mayChroot
      ? undefined
      : privilegesToDrop({ ...processRights(), mayChroot }, '/nowhere');
    const { proxy, lines } = await startTestProxy(t, {
      ...{ routes, evidencePort: await freePort(), acceptProxy: true, sendProxy: 'v2' },
      ...(privileges && { privileges }),
    });
    await proxy.install(await testCertificate('a.example'));
    await proxy.stop();
    // The warning about an old HAProxy is ours.
    const loud = lines.filter((line) => line.level >= 40 && line['version'] === undefined);
    assert.deepEqual(
      loud.map(({ msg }) => msg),
      [],
    );
  });
}
