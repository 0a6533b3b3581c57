import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { openH1 } from '../../test/doubles/h1.ts';
import { answerOf, ask, openH2 } from '../../test/doubles/h2.ts';
import { haproxyVersion } from '../../test/doubles/haproxy-version.ts';
import { startHttpApp } from '../../test/doubles/http-app.ts';
import { httpRoutes, startServing } from '../../test/doubles/http-proxy.ts';
import { eventually } from '../../test/doubles/proxy.ts';

/** More than fits between a client and an app, and what HAProxy has room for from 3.1 on. */
const UPLOAD = Buffer.alloc(64_000_000);
const SMALLER_UPLOAD = Buffer.alloc(8_000_000);

interface Served {
  readonly port: number;
  /** Whether the app has been asked to take the upload. */
  readonly begun: () => boolean;
  /** Has the app read the upload at last. */
  readonly read: () => void;
}

/** An app that leaves the body of a POST where it is until it is told to read it. */
async function serve(t: TestContext): Promise<Served> {
  const held = Promise.withResolvers<void>();
  let begun = false;
  const app = await startHttpApp(t, async (request, response) => {
    if (request.method === 'POST') {
      begun = true;
      await held.promise;
      await once(request.resume(), 'end');
    }
    response.end('here');
  });
  const { port } = await startServing(t, httpRoutes(app));
  return { port, begun: () => begun, read: held.resolve };
}

const OTHERS = Array.from({ length: 5 });

/** Before, it has no room: docs/traffic.md. */
if (haproxyVersion >= 301)
  test('a body of 8 MB that the app does not read stops no other request of its connection', async (t) => {
    const { port, begun, read } = await serve(t);
    const session = await openH2(t, port);
    const upload = session.request({ ':method': 'POST', ':path': '/upload' });
    upload.end(SMALLER_UPLOAD);
    await eventually('the upload has begun', begun);
    const bodies = [];
    for (const _ of OTHERS) bodies.push((await ask(session, { ':path': '/' })).body);
    assert.deepEqual(bodies, ['here', 'here', 'here', 'here', 'here']);
    const answer = answerOf(upload);
    read();
    assert.equal((await answer).body, 'here');
  });

test('a body that the app does not read stops no other connection, and arrives in the end', async (t) => {
  const { port, begun, read } = await serve(t);
  const session = await openH2(t, port);
  const upload = session.request({ ':method': 'POST', ':path': '/upload' });
  upload.end(UPLOAD);
  await eventually('the upload has begun', begun);
  const other = await openH1(t, port);
  for (const _ of OTHERS) assert.equal((await other.get('/', 'app.example')).body, 'here');
  const answer = answerOf(upload);
  read();
  assert.equal((await answer).body, 'here');
});
