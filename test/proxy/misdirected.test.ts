import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { mirror, mirrored, type SeenRequest, startHttpApp, valuesOf } from '../harness/apps/http-app.ts';
import { openH1 } from '../harness/clients/h1.ts';
import { openH2, sendRequest } from '../harness/clients/h2.ts';
import { httpRoutes, startServing } from '../harness/proxy/proxy.ts';

const PAGE = '421 Misdirected Request: this name is not served on this connection.\n';
const SERVED = [
  'b.example',
  'B.EXAMPLE',
  'b.example.',
  'b.example:443',
  'exact.w.example',
  'any.w.example',
  '',
];
const UNKNOWN = [
  'unknown.example',
  'a.example.b.example',
  'xa.example',
  '127.0.0.1',
  '[::1]:443',
  'w.example',
];

/** Apps `a` and `b` with two names each, one of them below the wildcard of app `w`. */
async function serve(t: TestContext): Promise<{ port: number; seen: SeenRequest[] }> {
  const seen: SeenRequest[] = [];
  const app = (name: string) => startHttpApp(t, mirror(name, seen));
  const { port } = await startServing(t, [
    ...httpRoutes(await app('a'), ['a.example', 'also.example']),
    ...httpRoutes(await app('b'), ['b.example', 'exact.w.example']),
    ...httpRoutes(await app('w'), ['*.w.example']),
  ]);
  return { port, seen };
}

describe('a request for a name of another target', { concurrency: true }, () => {
  test('gets 421 over HTTP/1.1, reaches no app, and the connection stays usable', async (t) => {
    const { port, seen } = await serve(t);
    const h1 = await openH1(t, port, 'a.example');
    for (const host of [...SERVED, ...UNKNOWN]) {
      h1.head('POST /stray HTTP/1.1', `Host: ${host}`, 'Content-Length: 0');
      const answer = await h1.answer();
      assert.deepEqual([answer.status, answer.body], [421, PAGE], host);
      assert.equal(answer.field('cache-control'), 'no-store');
      assert.equal(mirrored((await h1.get('/own', 'a.example')).body).app, 'a', host);
    }
    assert.deepEqual(new Set(seen.map(({ app, url }) => `${app} ${url}`)), new Set(['a /own']));
  });

  test("gets 421 over HTTP/2, beside streams for the connection's own name", async (t) => {
    const { port, seen } = await serve(t);
    const session = await openH2(t, port, 'a.example');
    for (const host of [...SERVED.slice(0, -1), ...UNKNOWN]) {
      const [stray, own] = await Promise.all([
        sendRequest(session, { ':method': 'POST', ':path': '/stray', ':authority': host }, 'body'),
        sendRequest(session, { ':path': '/own', ':authority': 'a.example' }),
      ]);
      assert.deepEqual([stray.status, stray.body], [421, PAGE], host);
      assert.equal(mirrored(own.body).app, 'a');
    }
    assert.deepEqual(new Set(seen.map(({ app, url }) => `${app} ${url}`)), new Set(['a /own']));
  });

  test('is not one whose name differs in case, a trailing dot or a port', async (t) => {
    const { port } = await serve(t);
    const [h1, h2] = [await openH1(t, port, 'a.example'), await openH2(t, port, 'A.Example')];
    for (const host of ['a.example', 'A.eXample', 'a.example.', 'a.example:443', 'a.example.:8443']) {
      const first = mirrored((await h1.get('/', host)).body);
      assert.deepEqual([first.app, valuesOf(first, 'host')], ['a', [host]]);
      assert.equal(mirrored((await sendRequest(h2, { ':authority': host })).body).app, 'a');
    }
  });

  test('is not one for another name of the same target, also below a wildcard', async (t) => {
    const { port } = await serve(t);
    for (const [servername, hosts, app] of [
      ['a.example', ['also.example', 'a.example'], 'a'],
      ['also.example', ['a.example', 'also.example'], 'a'],
      ['one.w.example', ['two.w.example', 'one.w.example'], 'w'],
      ['exact.w.example', ['b.example'], 'b'],
    ] as const) {
      const [h1, h2] = [await openH1(t, port, servername), await openH2(t, port, servername)];
      for (const host of hosts) {
        assert.equal(mirrored((await h1.get('/', host)).body).app, app);
        assert.equal(mirrored((await sendRequest(h2, { ':authority': host })).body).app, app);
      }
    }
    const below = await openH1(t, port, 'one.w.example');
    for (const host of ['exact.w.example', 'one.two.w.example', 'w.example', '.w.example', '*.w.example']) {
      const { status, body } = await below.get('/', host);
      if (host.startsWith('*') || host.startsWith('.'))
        assert.ok(status === 421 || mirrored(body).app === 'w');
      else assert.equal(status, 421, host);
    }
  });

  test('reaches no other app if the request has two names', async (t) => {
    const { port, seen } = await serve(t);
    for (const lines of [
      ['GET /stray HTTP/1.1', 'Host: a.example', 'Host: b.example'],
      ['GET /stray HTTP/1.1', 'Host: b.example', 'Host: a.example'],
      ['GET https://b.example/stray HTTP/1.1', 'Host: a.example'],
      ['GET https://a.example/stray HTTP/1.1', 'Host: b.example'],
      ['GET https://b.example/stray HTTP/1.1', 'Host: b.example'],
      ['GET https://b.example/stray HTTP/1.0'],
      ['CONNECT b.example:443 HTTP/1.1', 'Host: b.example:443'],
      ['CONNECT b.example:443 HTTP/1.0'],
      ['CONNECT b.example:443 HTTP/1.1', 'Host: a.example'],
      ['GET /stray HTTP/1.1', 'Host: a.example, b.example'],
      ['GET /stray HTTP/1.1', 'Host: b.example@a.example'],
      ['GET /stray HTTP/1.1', 'Host: a.example@b.example'],
      ['GET /stray HTTP/1.1', 'Host: a.example:443:b.example'],
      ['GET /stray HTTP/1.1', 'Host : b.example'],
    ]) {
      const h1 = await openH1(t, port, 'a.example', {});
      h1.head(...lines);
      const { status } = await h1.answer();
      assert.ok(status === 400 || status === 421, `${lines.join(' | ')}: ${status}`);
    }
    const h2 = await openH2(t, port, 'a.example');
    for (const headers of [{ ':authority': 'b.example', host: 'a.example' }, { host: 'b.example' }]) {
      assert.equal((await sendRequest(h2, { ':path': '/stray', ...headers })).status, 421);
    }
    assert.deepEqual(seen, []);
    const { body } = await sendRequest(h2, { ':authority': 'a.example', host: 'b.example' });
    assert.deepEqual(valuesOf(mirrored(body), 'host'), ['a.example']);
  });

  test("is not one with the connection's own name in an absolute request target", async (t) => {
    const { port } = await serve(t);
    const h1 = await openH1(t, port, 'a.example');
    h1.head('GET https://a.example/x?y HTTP/1.1', 'Host: a.example');
    const seen = mirrored((await h1.answer()).body);
    assert.deepEqual([seen.app, valuesOf(seen, 'host')], ['a', ['a.example']]);
  });
});
