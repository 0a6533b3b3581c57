import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openTls, startTestProxy } from '../../../test/harness/proxy/proxy.ts';
import {
  testCertificate as certificateFor,
  type TestCertificate,
} from '../../../test/harness/proxy/proxy-certificate.ts';
import { systemClock } from '../../clock.ts';
import { runtimePaths } from '../process/runtime-dir.ts';
import { installCertificate } from './certificates.ts';
import { runtimeApi } from './runtime-api.ts';

async function haproxy(t: TestContext) {
  const { runtimeDir, port } = await startTestProxy(t);
  const paths = runtimePaths(runtimeDir);
  const socket = runtimeApi(paths.socket, systemClock);
  const list = { path: paths.crtList, directory: paths.certificates };
  const served = async (name: string) =>
    (await openTls(t, port, name)).getPeerX509Certificate()?.serialNumber;
  const entries = async () => (await socket.send(`show ssl crt-list ${list.path}`)).split('\n').slice(1);
  return { socket, list, served, entries };
}

/** With what stands in the list of certificates: its own name, and no protocols. */
async function testCertificate(name: string) {
  return { ...(await certificateFor(name)), names: [name], except: [], alpn: [] };
}

const pemOf = ({ chainPem, keyPem }: TestCertificate) => `${chainPem}${keyPem.reveal()}`.trimEnd();

test('installing the same again changes nothing and lists nothing twice', async (t) => {
  const { socket, list, served, entries } = await haproxy(t);
  const certificate = await testCertificate('app.example');
  for (let time = 0; time < 3; time += 1) await installCertificate(socket, list, certificate);
  assert.deepEqual(await entries(), [`${list.directory}/app.example.pem app.example`]);
  assert.equal(await served('app.example'), certificate.serialNumber);
});

test('a caller that died at any step is made up for', async (t) => {
  const { socket, list, served, entries } = await haproxy(t);
  const [half, other, whole] = [
    await testCertificate('app.example'),
    await testCertificate('other.example'),
    await testCertificate('app.example'),
  ];
  const entry = `${list.directory}/app.example.pem`;
  await socket.send(`new ssl cert ${entry}`);
  await installCertificate(socket, list, half);
  await socket.send(`set ssl cert ${entry}`, { payload: pemOf(half) });
  // The transaction that is open is about another entry: it must not swallow this one.
  await installCertificate(socket, list, other);
  assert.equal(await served('other.example'), other.serialNumber);
  assert.equal(await served('app.example'), half.serialNumber);
  await socket.send(`set ssl cert ${entry}`, { payload: pemOf(half) });
  await installCertificate(socket, list, whole);
  assert.equal(await served('app.example'), whole.serialNumber);
  assert.equal((await entries()).length, 2);
});

test('PEM with empty lines and carriage returns is taken', async (t) => {
  const { socket, list, served } = await haproxy(t);
  const certificate = await testCertificate('app.example');
  const chainPem = `\r\n${certificate.chainPem.replaceAll('\n', '\r\n')}\r\n\r\n`;
  await installCertificate(socket, list, { ...certificate, chainPem });
  assert.equal(await served('app.example'), certificate.serialNumber);
});

test('what is no certificate is refused in the words of HAProxy, and the next one is taken', async (t) => {
  const { socket, list, served } = await haproxy(t);
  const certificate = await testCertificate('app.example');
  const garbage = installCertificate(socket, list, { ...certificate, chainPem: 'garbage' });
  await assert.rejects(garbage, { code: 'PROXY_COMMAND_FAILED', message: /^HAProxy refused "/ });
  const foreign = await testCertificate('app.example');
  const unfit = installCertificate(socket, list, { ...certificate, keyPem: foreign.keyPem });
  await assert.rejects(unfit, { code: 'PROXY_COMMAND_FAILED', message: /commit ssl cert/ });
  assert.doesNotMatch(await socket.send('show ssl cert'), /transaction/, 'the refused key is forgotten');
  await installCertificate(socket, list, certificate);
  assert.equal(await served('app.example'), certificate.serialNumber);
});

test('a name that is none is never sent', async () => {
  const socket = { send: () => Promise.reject(new Error('sent')) };
  const certificate = await testCertificate('app.example');
  for (const name of ['', '../x', 'a b', '*', 'x.*', 'a\nb', '*.*.x']) {
    const installed = installCertificate(socket, { path: '/l', directory: '/d' }, { ...certificate, name });
    await assert.rejects(installed, RangeError, name);
  }
});
