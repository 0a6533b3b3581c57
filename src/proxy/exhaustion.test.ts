import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect } from 'node:tls';
import { answerOf, ask, openH2 } from '../../test/doubles/h2.ts';
import { mirror, type SeenRequest, startHttpApp } from '../../test/doubles/http-app.ts';
import { httpRoutes, startServing } from '../../test/doubles/http-proxy.ts';
import { memoryLog } from '../../test/doubles/memory-log.ts';
import { eventually, hear, openTls, routesTo, temporaryDir } from '../../test/doubles/proxy.ts';
import { testCertificate } from '../../test/doubles/proxy-certificate.ts';
import { startEvidenceServer } from '../evidence/server.ts';

const MAXCONN = 3;

describe('what one client can take', { concurrency: true }, () => {
  test('the requests of one HTTP/2 connection take no more connections to the app than MAXCONN', async (t) => {
    const waiting: IncomingMessage[] = [];
    const app = await startHttpApp(t, (request, response) => {
      waiting.push(request);
      request.on('end', () => response.end('done')).resume();
    });
    const { port, proxy } = await startServing(t, httpRoutes(app), { maxconn: MAXCONN });
    const session = await openH2(t, port);
    const open = Array.from({ length: 2 * MAXCONN }, () =>
      session.request({ ':method': 'POST', ':path': '/' }, { endStream: false }),
    );
    await eventually('as many as may', () => waiting.length === MAXCONN);
    await proxy.install(await testCertificate('app.example'));
    assert.equal(waiting.length, MAXCONN);
    const answers = open.map(answerOf);
    for (const stream of open) stream.end();
    for (const { body } of await Promise.all(answers)) assert.equal(body, 'done');
    assert.equal(waiting.length, 2 * MAXCONN);
  });

  test('requests that are never finished do not shut /evidences/ for others', async (t) => {
    const directory = await temporaryDir(t);
    await writeFile(join(directory, 'quote.json'), '{}');
    const evidence = await startEvidenceServer(directory, memoryLog().log);
    t.after(() => evidence[Symbol.asyncDispose]());
    const app = await startHttpApp(t, mirror('app'));
    const { port } = await startServing(t, httpRoutes(app), { evidencePort: evidence.port });
    const greedy = await openH2(t, port);
    const path = { ':path': '/evidences/quote.json' };
    const unfinished = [
      { ...path, ':method': 'POST', 'content-length': '1000000' },
      { ...path, ':method': 'GET', 'content-length': '1000000' },
      { ...path, ':method': 'GET' },
    ];
    for (let request = 0; request < 90; request += 1) {
      const stream = greedy.request(unfinished[request % 3], { endStream: false });
      stream.on('error', () => undefined);
      stream.write('x');
    }
    assert.equal((await ask(await openH2(t, port), { ':path': '/evidences/quote.json' })).body, '{}');
  });
});

test('bytes that come with the handshake are no request, whatever they say', async (t) => {
  const directory = await temporaryDir(t);
  const evidence = await startEvidenceServer(directory, memoryLog().log);
  t.after(() => evidence[Symbol.asyncDispose]());
  const seen: SeenRequest[] = [];
  const app = await startHttpApp(t, mirror('app', seen));
  const routes = routesTo({ port: app }, ['app.example'], ['http/1.1']);
  const { port } = await startServing(t, routes, { evidencePort: evidence.port });
  for (let connection = 1; connection <= 20; connection += 1) {
    const socket = connect({ host: '127.0.0.1', port, servername: 'app.example', rejectUnauthorized: false });
    t.after(() => socket.destroy());
    // Node sends it together with the last message of the handshake.
    socket.write('GET /evidences/ HTTP/1.1\r\nHost: app.example\r\n\r\n');
    assert.match(await hear(socket), /"app":"app"/);
    assert.equal(seen.length, connection);
  }
});

test('a connection that was opened ahead and never used is closed without a word', async (t) => {
  const app = await startHttpApp(t, mirror('app'));
  const timeouts = { connect: 1_000, client: 1_000, server: 60_000 };
  const { port } = await startServing(t, httpRoutes(app), { timeouts });
  assert.equal(await hear(await openTls(t, port, 'app.example', { ALPNProtocols: ['http/1.1'] })), '');
  const half = await openTls(t, port, 'app.example', { ALPNProtocols: ['http/1.1'] });
  half.write('GET / HT');
  assert.equal(await hear(half), '');
});
