import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { faultyApps } from '../../../test/harness/apps/faulty-apps.ts';
import { startEitherApp, startH2App } from '../../../test/harness/apps/http-app.ts';
import { startApp } from '../../../test/harness/apps/tcp-app.ts';
import { startTlsApp } from '../../../test/harness/apps/tls-app.ts';
import { openHttp1 } from '../../../test/harness/clients/http-clients.ts';
import { createFakeClock } from '../../../test/harness/fake-clock.ts';
import { memoryLog } from '../../../test/harness/memory-log.ts';
import { eventually, httpRoutes, routesTo, startServing } from '../../../test/harness/proxy/proxy.ts';
import type { Target } from '../config/routes.ts';
import type { ConnectionFailure } from '../process/failure.ts';
import { createSchemeHint, schemeHint } from './scheme-hint.ts';

const GO = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';
const TOMCAT = `HTTP/1.1 400 \r\nContent-Type: text/plain;charset=UTF-8\r\nConnection: close\r\n\r\nBad Request
This combination of host and port requires TLS.\r\n`;

/** Apps that do not speak HTTP/1.1 without TLS, and the scheme to use instead. */
const apps: Readonly<
  Record<string, readonly [start: (t: TestContext) => Promise<number>, scheme: 'grpc' | 'https']>
> = {
  'speaks HTTP/2 only': [(t) => startH2App(t, () => undefined), 'grpc'],
  'closes without HTTP/2': [startShyH2App, 'grpc'],
  'closes without TLS': [(t) => startTlsApp(t), 'https'],
  'sends an alert without TLS': [(t) => startTlsApp(t, Buffer.from('15030100020246', 'hex')), 'https'],
  'requires TLS, in the words of Go': [(t) => startTlsApp(t, GO), 'https'],
  'requires TLS, in the words of Tomcat': [(t) => startTlsApp(t, TOMCAT), 'https'],
  'requires TLS and HTTP/2': [(t) => startH2App(t, () => undefined, { tls: true }), 'https'],
};

/** An HTTP/2 app that closes connections that begin with anything else. */
async function startShyH2App(t: TestContext): Promise<number> {
  return await startApp(t, (socket) => {
    socket.once('data', (bytes) => {
      if (bytes.toString('latin1').startsWith('PRI ')) socket.write(Buffer.from('000000040000000000', 'hex'));
      else socket.end();
    });
  });
}

describe('an http:// target that', { concurrency: 4 }, () => {
  for (const [what, [start, scheme]] of Object.entries(apps)) {
    for (const sendProxy of ['off'] as const) {
      test(`${what} is logged with the scheme ${scheme}://`, async (t) => {
        const app = await start(t);
        const { port, lines } = await startServing(t, httpRoutes(app), { sendProxy });
        const { status } = await (await openHttp1(t, port, 'app.example')).get('/');
        assert.equal(status, 502);
        const hints = () => lines.filter(({ event }) => event === 'wrong-scheme');
        await eventually('the hint', () => hints().length > 0);
        const [line] = hints();
        assert.deepEqual([line?.level, line?.['target']], [40, `http:127.0.0.1:${app}`]);
        const protocol = scheme === 'grpc' ? 'h2' : 'tls';
        const target = { host: '127.0.0.1', port: app, speaks: 'http/1.1', tls: false } as const;
        assert.equal(line?.msg, schemeHint(target, protocol));
      });
    }
  }

  test('responds 400 to other names and closes a connection is probed with its own name, and nothing is logged', async (t) => {
    const probedHosts: (string | undefined)[] = [];
    const app = await startEitherApp(t, (request, response) => {
      if (request.url === '/broken') return request.socket.destroy();
      if (request.method === 'OPTIONS') probedHosts.push(request.headers.host);
      return response.writeHead(request.headers.host === 'app.example' ? 200 : 400).end();
    });
    const { port, lines } = await startServing(t, httpRoutes(app));
    const get = async (path: string) => (await openHttp1(t, port, 'app.example')).get(path);
    assert.equal((await get('/')).status, 200);
    assert.equal((await get('/broken')).status, 502);
    await eventually('the probe', () => probedHosts.length > 0);
    assert.deepEqual(probedHosts, ['app.example']);
    assert.ok(!lines.some(({ event }) => event === 'wrong-scheme'));
  });

  test('responds 400 for other reasons: its response is forwarded', async (t) => {
    const answer = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\nHTTPS? no';
    const app = await startApp(t, (socket) => socket.once('data', () => socket.end(answer)));
    const { port } = await startServing(t, httpRoutes(app));
    const { status, body } = await (await openHttp1(t, port, 'app.example')).get('/');
    assert.deepEqual([status, body], [400, 'HTTPS? no']);
  });
});

const failure: ConnectionFailure = {
  ...{ domain: 'app.example', target: undefined, client: '192.0.2.1', status: 502, error: undefined },
  ...{ why: 'not-http', message: '', level: 'warn' },
};

/**
 * An app that does not speak HTTP, its number of connections, and a function that reports failures
 * of it.
 */
async function startAsking(
  t: TestContext,
  serve: (typeof faultyApps)[keyof typeof faultyApps],
  target: Partial<Target> = {},
) {
  let connections = 0;
  const port = await startApp(t, (socket) => {
    connections += 1;
    serve(socket);
  });
  const { log, lines } = memoryLog();
  const clock = createFakeClock();
  const { signal } = new AbortController();
  const routes = routesTo({ port, speaks: 'http/1.1', ...target });
  const lookup = () => Promise.reject(new Error('not asked'));
  const add = createSchemeHint({ routes, sendProxy: 'off', lookup, clock, log, signal });
  const [scheme] = [target.speaks === 'h2' ? 'grpc' : target.tls ? 'https' : 'http'];
  const fail = (fields: Partial<ConnectionFailure> = {}) =>
    add({ ...failure, target: `${scheme}:127.0.0.1:${port}`, ...fields });
  return { fail, clock, lines, connections: () => connections };
}

describe('an app is', { concurrency: true }, () => {
  test('probed with three protocols, and nothing is logged if it answers none', async (t) => {
    const { fail, connections, lines } = await startAsking(t, faultyApps['answers garbage']);
    fail();
    await eventually('the last probe', () => connections() === 3);
    assert.deepEqual(lines, []);
  });

  test('probed at most once in ten minutes, however often it fails', async (t) => {
    const { fail, clock, connections } = await startAsking(t, faultyApps['closes on request']);
    for (let index = 0; index < 100; index += 1) fail();
    await eventually('the last probe', () => connections() === 3);
    await clock.wait(599_999);
    fail();
    await clock.wait(1);
    fail();
    await eventually('the last probe of the second time', () => connections() === 6);
  });

  for (const [sendProxy, header] of [
    ['v1', 'PROXY UNKNOWN\r\n'],
    ['v2', '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0'],
  ] as const) {
    test(`probed with a PROXY header if it expects one (${sendProxy})`, async (t) => {
      const app = await startApp(t, (socket) => {
        let heard = '';
        socket.on('data', (bytes) => {
          heard += bytes.toString('latin1');
          if (heard.startsWith(`${header}OPTIONS`)) socket.end(Buffer.from('000000040000000000', 'hex'));
        });
      });
      const { log, lines } = memoryLog();
      const { signal } = new AbortController();
      const lookup = async () => [{ address: '127.0.0.1', family: 4 }];
      const routes = routesTo({ host: 'app', port: app, speaks: 'http/1.1' });
      const clock = createFakeClock();
      createSchemeHint({ routes, sendProxy, lookup, clock, log, signal })({
        ...failure,
        target: `http:app:${app}`,
      });
      await eventually('the hint', () => lines.length > 0);
      const target = { host: 'app', port: app, speaks: 'http/1.1', tls: false } as const;
      assert.equal(lines[0]?.msg, schemeHint(target, 'h2'));
    });
  }

  for (const [names, authority] of [
    [['app.example', '*.other.example'], 'app.example'],
    [['*.app.example'], 'ingress-handshake.app.example'],
  ] as const) {
    test(`probed with a name that it serves: ${authority} for ${names}`, async (t) => {
      const requests: string[] = [];
      const app = await startApp(t, (socket) =>
        socket.once('data', (bytes) => {
          requests.push(bytes.toString('latin1'));
          socket.end('HTTP/1.1 200 OK\r\n\r\n');
        }),
      );
      const lookup = async () => [
        { address: '0.0.0.0', family: 4 },
        { address: '127.0.0.2', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ];
      const routes = routesTo({ host: 'app', port: app, speaks: 'http/1.1' }, names);
      const { signal } = new AbortController();
      const { log } = memoryLog();
      createSchemeHint({ routes, sendProxy: 'off', lookup, clock: createFakeClock(), log, signal })({
        ...failure,
        target: `http:app:${app}`,
      });
      await eventually('the probe', () => requests.length > 0);
      assert.match(`${requests[0]}`, new RegExp(`\r\nHost: ${authority.replaceAll('.', '\\.')}\r\n`));
    });
  }

  test('not probed for other failures, nor for targets with another scheme', async (t) => {
    const plain = await startAsking(t, faultyApps['closes on request']);
    plain.fail({ why: 'unreachable' });
    plain.fail({ target: undefined });
    plain.fail({ target: 'http:other:80' });
    const grpc = await startAsking(t, faultyApps['closes on request'], { speaks: 'h2' });
    grpc.fail();
    const tls = await startAsking(t, faultyApps['closes on request'], { tls: true });
    tls.fail();
    plain.fail();
    await eventually('the probes of the last failure', () => plain.connections() === 3);
    assert.deepEqual([grpc.connections(), tls.connections()], [0, 0]);
  });
});
