import assert from 'node:assert/strict';
import { test } from 'node:test';
import { privilegesToDrop, processRights } from '../../src/proxy/process/host.ts';
import { freePort, routesTo, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';

/** Every kind of target, so that the configuration has all of its sections. */
const routes = [
  ...routesTo({ port: 9, speaks: 'h2' }, ['a.example'], ['h2']),
  ...routesTo({ host: 'app.invalid', speaks: 'http/1.1', tls: true }, ['b.example'], ['h2', 'http/1.1']),
  ...routesTo({ port: 10 }, ['c.example', '*.d.example'], ['http/1.1']),
];

for (const mayChroot of [true, false]) {
  test(`HAProxy warns of nothing, ${mayChroot ? 'with' : 'without'} the right to change its root directory`, async (t) => {
    const given = mayChroot ? undefined : privilegesToDrop({ ...processRights(), mayChroot }, '/nowhere');
    const { proxy, lines } = await startTestProxy(t, {
      ...{ routes, evidencePort: await freePort(), acceptProxy: true, sendProxy: 'v2' },
      ...(given && { privileges: given }),
    });
    await proxy.install(await testCertificate('a.example'));
    await proxy.stop();
    // That an HAProxy is old is our own warning.
    const loud = lines.filter((line) => line.level >= 40 && line['version'] === undefined);
    assert.deepEqual(
      loud.map(({ msg }) => msg),
      [],
    );
  });
}
