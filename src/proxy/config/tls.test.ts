import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { mirror, startHttpApp } from '../../../test/harness/apps/http-app.ts';
import { startApp } from '../../../test/harness/apps/tcp-app.ts';
import { httpRoutes, routesTo, startServing, startTestProxy } from '../../../test/harness/proxy/proxy.ts';
import { testCertificate } from '../../../test/harness/proxy/proxy-certificate.ts';
import { temporaryDirectory } from '../../../test/harness/temporary-directory.ts';
import type { ProxyRoute } from './routes.ts';

const NAMES = ['a.example', 'b.example'] as const;
const VERSIONS = { 'TLSv1.2': '-tls1_2', 'TLSv1.3': '-tls1_3' } as const;

interface Client {
  readonly port: number;
  readonly name: string;
  /** What it sends; '' for a client that waits for the app. */
  readonly words?: string;
  readonly options: readonly string[];
}

/** The output of OpenSSL's client, which offers a session with any SNI; Node's client does not. */
async function read({ port, name, words = '', options }: Client): Promise<string> {
  const server = ['-connect', `127.0.0.1:${port}`, '-servername', name];
  const { stdout } = await execa('openssl', ['s_client', ...server, '-ign_eof', ...options], {
    ...{ input: words, reject: false, timeout: 10_000 },
  });
  return stdout;
}

/** A route of each name to an app that sends the name and closes. */
async function greetings(t: TestContext): Promise<ProxyRoute[]> {
  const routes = NAMES.map(async (name) => {
    const port = await startApp(t, (socket) => socket.end(`here is ${name}\n`));
    return routesTo({ port }, [name]);
  });
  return (await Promise.all(routes)).flat();
}

for (const [version, only] of Object.entries(VERSIONS)) {
  for (const shared of [false, true]) {
    const whose = shared ? 'a certificate for both' : 'a certificate for each';
    test(`${version}, TCP targets, ${whose}: a session of one name never reaches the app of the other`, async (t) => {
      const { port, proxy } = await startTestProxy(t, { routes: await greetings(t) });
      const common = await testCertificate('a.example', 'ecdsa', ['b.example']);
      for (const name of NAMES) {
        await proxy.install(shared ? { ...common, name, servername: name } : await testCertificate(name));
      }
      const session = join(temporaryDirectory(t), 'session');
      const first = await read({ port, name: 'a.example', options: [only, '-sess_out', session] });
      assert.match(first, /here is a\.example/);
      // In TLS 1.2 there is no session to offer if none is cached.
      const offered = await access(session).then(
        () => ['-sess_in', session],
        () => [],
      );
      for (const name of NAMES) {
        const said = await read({ port, name, options: [only, ...offered] });
        assert.match(said, new RegExp(`here is ${name}`));
      }
    });
  }

  test(`${version}, HTTP targets: a resumed session of one name never gets another name's request to the wrong app`, async (t) => {
    const app = (name: string) => startHttpApp(t, mirror(name));
    const apps = await Promise.all(NAMES.map(async (name) => httpRoutes(await app(name), [name])));
    const { port } = await startServing(t, apps.flat());
    const session = join(temporaryDirectory(t), 'session');
    const asking = (name: string) => `GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`;
    const ask = (name: string, ...options: string[]) =>
      read({ port, name, words: asking(name), options: [only, ...options] });
    assert.match(await ask('a.example', '-sess_out', session), /"app":"a\.example"/);
    const again = await ask('a.example', '-sess_in', session);
    assert.match(again, /^Reused, /m);
    assert.match(again, /"app":"a\.example"/);
    assert.match(await ask('b.example', '-sess_in', session), /"app":"b\.example"|^HTTP\/1\.1 421 /m);
  });
}
