import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openTls } from '../../../test/harness/clients/tls.ts';
import { startTestProxy } from '../../../test/harness/proxy/proxy.ts';
import {
  testCertificate as certificateFor,
  type TestCertificate,
} from '../../../test/harness/proxy/proxy-certificate.ts';
import { systemClock } from '../../clock.ts';
import type { IngressError } from '../../errors.ts';
import { runtimePaths } from '../process/runtime-dir.ts';
import { installCertificate } from './certificates.ts';
import { expectReply, type RuntimeApi, runtimeApi } from './runtime-api.ts';

async function haproxy(t: TestContext) {
  const { runtimeDir, port } = await startTestProxy(t);
  const paths = runtimePaths(runtimeDir);
  const api = runtimeApi(paths.socket, systemClock);
  const list = { path: paths.crtList, directory: paths.certificates };
  const served = async (name: string) =>
    (await openTls(t, port, name)).getPeerX509Certificate()?.serialNumber;
  const entries = async () => (await api.send(`show ssl crt-list ${list.path}`)).split('\n').slice(1);
  return { api, list, served, entries };
}

/** A certificate for its own name, without protocols. */
async function testCertificate(name: string) {
  return { ...(await certificateFor(name)), names: [name], except: [], alpn: [] };
}

/** Whether an error is HAProxy's refusal of a command. */
const isRefusal = (command: RegExp) => (thrown: IngressError) => {
  assert.equal(thrown.code, 'PROXY_COMMAND_FAILED');
  assert.match(String(thrown.details['command']), command);
  assert.ok(thrown.details['reply']);
  return true;
};

/** Leaves a transaction for an entry open, like a caller that is killed before the commit. */
async function leaveOpen(api: RuntimeApi, entry: string, { chainPem, keyPem }: TestCertificate) {
  const payload = `${chainPem}\n${keyPem.reveal()}`.trimEnd();
  await expectReply(api, `set ssl cert ${entry}`, /^Transaction created for/, { payload });
}

test('installing a certificate again is idempotent', async (t) => {
  const { api, list, served, entries } = await haproxy(t);
  const certificate = await testCertificate('app.example');
  for (let time = 0; time < 3; time += 1) await installCertificate(api, list, certificate);
  assert.deepEqual(await entries(), [`${list.directory}/app.example.pem app.example`]);
  assert.equal(await served('app.example'), certificate.serialNumber);
});

test('an install after a caller was killed at any step succeeds', async (t) => {
  const { api, list, served, entries } = await haproxy(t);
  const [half, other, whole] = [
    await testCertificate('app.example'),
    await testCertificate('other.example'),
    await testCertificate('app.example'),
  ];
  const entry = `${list.directory}/app.example.pem`;
  await api.send(`new ssl cert ${entry}`);
  await installCertificate(api, list, half);
  await leaveOpen(api, entry, half);
  // The open transaction is for another entry and must not take this certificate.
  await installCertificate(api, list, other);
  assert.equal(await served('other.example'), other.serialNumber);
  assert.equal(await served('app.example'), half.serialNumber);
  await leaveOpen(api, entry, half);
  await installCertificate(api, list, whole);
  assert.equal(await served('app.example'), whole.serialNumber);
  assert.equal((await entries()).length, 2);
});

test('PEM with empty lines and carriage returns is accepted', async (t) => {
  const { api, list, served } = await haproxy(t);
  const certificate = await testCertificate('app.example');
  const chainPem = `\r\n${certificate.chainPem.replaceAll('\n', '\r\n')}\r\n\r\n`;
  await installCertificate(api, list, { ...certificate, chainPem });
  assert.equal(await served('app.example'), certificate.serialNumber);
});

test("an invalid certificate is refused with HAProxy's reply, and the next one is accepted", async (t) => {
  const { api, list, served } = await haproxy(t);
  const certificate = await testCertificate('app.example');
  const garbage = installCertificate(api, list, { ...certificate, chainPem: 'garbage' });
  await assert.rejects(garbage, isRefusal(/^set ssl cert /));
  const foreign = await testCertificate('app.example');
  const unfit = installCertificate(api, list, { ...certificate, keyPem: foreign.keyPem });
  await assert.rejects(unfit, isRefusal(/^commit ssl cert /));
  assert.doesNotMatch(await api.send('show ssl cert'), /transaction/, 'the refused key is discarded');
  await installCertificate(api, list, certificate);
  assert.equal(await served('app.example'), certificate.serialNumber);
});

test('an invalid name is never sent', async () => {
  const api = { send: () => Promise.reject(new Error('sent')) };
  const certificate = await testCertificate('app.example');
  for (const name of ['', '../x', 'a b', '*', 'x.*', 'a\nb', '*.*.x']) {
    const installed = installCertificate(api, { path: '/l', directory: '/d' }, { ...certificate, name });
    await assert.rejects(installed, RangeError, name);
  }
});
