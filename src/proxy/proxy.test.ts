import assert from 'node:assert/strict';
import { access, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { afterTest } from '../../test/harness/after-test.ts';
import { echo, greeter, startApp } from '../../test/harness/apps/tcp-app.ts';
import { exchange, openTls, receive } from '../../test/harness/clients/tls.ts';
import { eventually, startTestProxy } from '../../test/harness/proxy/proxy.ts';
import { testCertificate } from '../../test/harness/proxy/proxy-certificate.ts';
import { Secret } from '../config/secret.ts';
import type { IngressError } from '../errors.ts';

describe('serving', { concurrency: true }, () => {
  test('listens before there is a certificate and refuses every handshake', async (t) => {
    const { port, proxy } = await startTestProxy(t);
    assert.equal(proxy.running, true);
    await assert.rejects(openTls(t, port, 'app.example'), /alert|disconnected|reset/);
  });

  test('serves a certificate as soon as it is installed', async (t) => {
    const target = { host: '127.0.0.1', port: await startApp(t, echo) };
    const { port, proxy } = await startTestProxy(t, { target });
    const certificate = await testCertificate('app.example');
    await proxy.install(certificate);
    const client = await openTls(t, port, 'app.example');
    assert.equal(client.getPeerX509Certificate()?.serialNumber, certificate.serialNumber);
    assert.equal(await exchange(client, 'hello'), 'hello');
  });

  test('refuses a name without a certificate, and a client without SNI', async (t) => {
    const { port, proxy } = await startTestProxy(t);
    await proxy.install(await testCertificate('app.example'));
    await assert.rejects(
      openTls(t, port, 'other.example'),
      /unrecognized|handshake failure|disconnected|reset/,
    );
    await assert.rejects(openTls(t, port, ''), /unrecognized|handshake failure|disconnected|reset/);
  });

  test('replaces a certificate while a connection is open', async (t) => {
    const target = { host: '127.0.0.1', port: await startApp(t, echo) };
    const { port, proxy } = await startTestProxy(t, { target });
    const [first, second] = [await testCertificate('app.example'), await testCertificate('app.example')];
    await proxy.install(first);
    const { pid } = proxy;
    const early = await openTls(t, port, 'app.example');
    await proxy.install(second);
    assert.equal(await exchange(early, 'still here'), 'still here');
    const late = await openTls(t, port, 'app.example');
    assert.equal(late.getPeerX509Certificate()?.serialNumber, second.serialNumber);
    assert.equal(proxy.pid, pid);
  });

  test('serves a wildcard certificate besides the certificate of its parent', async (t) => {
    const { port, proxy } = await startTestProxy(t, { names: ['w.example', '*.w.example'] });
    const [parent, wildcard] = [await testCertificate('w.example'), await testCertificate('*.w.example')];
    await Promise.all([proxy.install(parent), proxy.install(wildcard)]);
    const below = await openTls(t, port, 'any.w.example');
    assert.equal(below.getPeerX509Certificate()?.serialNumber, wildcard.serialNumber);
    const above = await openTls(t, port, 'w.example');
    assert.equal(above.getPeerX509Certificate()?.serialNumber, parent.serialNumber);
  });

  test('refuses a name that is in the certificate but has no route', async (t) => {
    const { port, proxy } = await startTestProxy(t);
    const certificate = await testCertificate('app.example', 'ecdsa', ['other.example']);
    await proxy.install(certificate);
    await openTls(t, port, 'app.example');
    await assert.rejects(
      openTls(t, port, 'other.example'),
      /unrecognized|handshake failure|disconnected|reset/,
    );
  });

  test("rejects a key that does not match with HAProxy's reply, without the key, and keeps the certificate", async (t) => {
    const { port, proxy } = await startTestProxy(t);
    const good = await testCertificate('app.example');
    await proxy.install(good);
    const { keyPem } = await testCertificate('app.example');
    await assert.rejects(proxy.install({ ...good, keyPem }), (thrown: IngressError) => {
      assert.match(String(thrown.details['reply']), /inconsistencies between private key and certificate/);
      assert.ok(!JSON.stringify(thrown).includes('PRIVATE KEY'));
      return true;
    });
    await assert.rejects(proxy.install({ ...good, keyPem: new Secret('x') }), {
      code: 'PROXY_COMMAND_FAILED',
    });
    const client = await openTls(t, port, 'app.example');
    assert.equal(client.getPeerX509Certificate()?.serialNumber, good.serialNumber);
    await proxy.install(await testCertificate('app.example'));
  });

  test('reports the certificate that was presented instead of the installed one', async (t) => {
    const { proxy } = await startTestProxy(t);
    const certificate = await testCertificate('app.example');
    const { fingerprint256: seen } = certificate;
    const other = { ...certificate, fingerprint256: 'AB:CD' };
    await assert.rejects(proxy.install(other), (thrown: IngressError) => {
      assert.equal(thrown.code, 'HANDSHAKE_FAILED');
      assert.equal(thrown.details['seen'], seen.replaceAll(':', '').toLowerCase());
      return true;
    });
  });

  test('forwards at once what an app sends first', async (t) => {
    const target = { host: '127.0.0.1', port: await startApp(t, greeter('220 ready')) };
    const { port, proxy } = await startTestProxy(t, { target });
    await proxy.install(await testCertificate('app.example'));
    const begun = performance.now();
    const client = await openTls(t, port, 'app.example');
    assert.equal(await receive(client), '220 ready');
    assert.ok(performance.now() - begun < 1_000);
  });

  test('runs HAProxy without privileges, in an empty chroot, and without our environment', {
    skip: process.getuid?.() !== 0,
  }, async (t) => {
    process.env['TEST_PROXY_CREDENTIAL'] = 'do-not-leak';
    afterTest(t, () => delete process.env['TEST_PROXY_CREDENTIAL']);
    const { proxy, runtimeDir } = await startTestProxy(t);
    const status = await readFile(`/proc/${proxy.pid}/status`, 'utf8');
    assert.doesNotMatch(status, /^Uid:.*\t0(\t|$)/m);
    assert.match(status, /^CapEff:\t0+$/m);
    assert.equal(await readlink(`/proc/${proxy.pid}/root`), join(runtimeDir, 'chroot'));
    assert.ok(!(await readFile(`/proc/${proxy.pid}/environ`, 'utf8')).includes('do-not-leak'));
    await assert.rejects(access(join(runtimeDir, 'certs')));
  });

  test('logs failures, and no ordinary connections', async (t) => {
    const app = await startApp(t, echo);
    const { port, proxy, lines } = await startTestProxy(t, { target: { host: '127.0.0.1', port: app } });
    await proxy.install(await testCertificate('app.example'));
    const client = await openTls(t, port, 'app.example');
    assert.equal(await exchange(client, 'hello'), 'hello');
    client.end();
    await assert.rejects(openTls(t, port, 'other.example'));
    await eventually('the failed handshake in the log', () =>
      lines.some(({ why, error }) => why === 'handshake' && /^SSL handshake failure/.test(String(error))),
    );
    assert.ok(lines.every(({ component }) => component === 'haproxy'));
    assert.ok(!lines.some(({ msg }) => / app\/app /.test(msg)));
    assert.deepEqual(
      lines.filter(({ level }) => level >= 40),
      [],
    );
  });
});
