import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { startEvidenceServer } from '../../src/evidence/server.ts';
import { afterTest } from '../harness/after-test.ts';
import { mirror, startHttpApp } from '../harness/apps/http-app.ts';
import { openH1 } from '../harness/clients/h1.ts';
import { answerOf, openH2, sendRequest } from '../harness/clients/h2.ts';
import { memoryLog } from '../harness/memory-log.ts';
import { eventually, httpRoutes, startServing } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';

const MAXCONN = 3;

describe('the resources that one client can occupy', { concurrency: true }, () => {
  test('the requests of one HTTP/2 connection occupy at most MAXCONN connections to the app', async (t) => {
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
    await eventually('MAXCONN requests at the app', () => waiting.length === MAXCONN);
    await proxy.install(await testCertificate('app.example'));
    assert.equal(waiting.length, MAXCONN);
    const answers = open.map(answerOf);
    for (const stream of open) stream.end();
    for (const { body } of await Promise.all(answers)) assert.equal(body, 'done');
    assert.equal(waiting.length, 2 * MAXCONN);
  });

  test('an app that does not respond occupies no connection that another app needs', async (t) => {
    const maxconn = 50;
    let held = 0;
    const hanging = await startHttpApp(t, () => {
      held += 1;
    });
    const other = await startHttpApp(t, mirror('other'));
    const routes = [...httpRoutes(hanging), ...httpRoutes(other, ['other.example'])];
    const { port } = await startServing(t, routes, { maxconn });
    for (const method of ['GET', 'GET', 'POST', 'POST']) {
      const session = await openH2(t, port);
      for (let request = 0; request < maxconn; request += 1)
        session
          .request({ ':method': method, ':path': '/' }, { endStream: true })
          .on('error', () => undefined);
    }
    await eventually('as many requests at the app as are allowed', () => held === 2 * maxconn);
    for (let client = 1; client <= 40; client += 1) {
      const h1 = await openH1(t, port);
      h1.head(`${client % 2 === 0 ? 'GET' : 'POST'} / HTTP/1.1`, 'Host: app.example', 'Content-Length: 0');
      await eventually('this request at the app', () => held === 2 * maxconn + client);
    }
    const { status } = await sendRequest(await openH2(t, port, 'other.example'), {
      ':authority': 'other.example',
    });
    assert.equal(status, 200);
  });

  test('requests that are never complete do not block /evidences/ for others', async (t) => {
    const directory = temporaryDirectory(t);
    await writeFile(join(directory, 'quote.json'), '{}');
    const evidence = await startEvidenceServer(directory, memoryLog().emit);
    afterTest(t, () => evidence[Symbol.asyncDispose]());
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
    assert.equal((await sendRequest(await openH2(t, port), { ':path': '/evidences/quote.json' })).body, '{}');
  });
});
