import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { mirror, mirrored, startHttpApp, valuesOf } from '../harness/apps/http-app.ts';
import { openH1 } from '../harness/clients/h1.ts';
import { openH2, sendRequest } from '../harness/clients/h2.ts';
import { openTls } from '../harness/clients/tls.ts';
import { httpRoutes, startServing } from '../harness/proxy/proxy.ts';

const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');

describe('an HTTP target', { concurrency: true }, () => {
  test('offers h2 and http/1.1, in this order, and forwards requests in HTTP/1.1', async (t) => {
    const { port } = await startServing(t, httpRoutes(await startHttpApp(t, mirror('app'))));
    for (const [offered, negotiated] of [
      [['http/1.1', 'h2'], 'h2'],
      [['http/1.1'], 'http/1.1'],
      [['spdy/3'], false],
      [[], false],
    ] as const) {
      const socket = await openTls(t, port, 'app.example', { ALPNProtocols: [...offered] });
      assert.equal(socket.alpnProtocol, negotiated, `${offered}`);
    }
    const h1 = await openH1(t, port);
    const first = mirrored((await h1.get('/a?b=c', 'app.example')).body);
    assert.deepEqual([first.version, first.method, first.url], ['1.1', 'GET', '/a?b=c']);
    const h2 = await openH2(t, port);
    const second = mirrored((await sendRequest(h2, { ':path': '/a%20b?c' })).body);
    assert.deepEqual([second.version, second.method, second.url], ['1.1', 'GET', '/a%20b?c']);
    const silent = await openH1(t, port, 'app.example', {});
    assert.equal((await silent.get('/', 'app.example')).status, 200);
  });

  test('forwards header fields unchanged in both directions, apart from the case of their names', async (t) => {
    const app = await startHttpApp(t, (request, response) => {
      response.setHeader('Set-Cookie', ['a=1; Path=/', 'b="2, 3"']);
      response.setHeader('X-Odd', 'caf\xe9 ');
      mirror('app')(request, response);
    });
    const { port } = await startServing(t, httpRoutes(app));
    const h1 = await openH1(t, port);
    h1.socket.write(
      'GET / HTTP/1.1\r\nHost: app.example:8443\r\nX-Under_score: ~`|^!#$%&*+.\'"(),/:;<=>?@[\\]{}\r\n',
    );
    h1.socket.write(
      Buffer.from(
        'X-Latin: caf\xe9\tbar\r\nX-Twice: one\r\nX-Other:\r\nx-twice: two, three\r\n\r\n',
        'latin1',
      ),
    );
    const answer = await h1.answer();
    const seen = mirrored(answer.body);
    assert.deepEqual(valuesOf(seen, 'host'), ['app.example:8443']);
    assert.deepEqual(valuesOf(seen, 'x-under_score'), ['~`|^!#$%&*+.\'"(),/:;<=>?@[\\]{}']);
    assert.deepEqual(valuesOf(seen, 'x-latin'), ['caf\xe9\tbar']);
    assert.deepEqual(valuesOf(seen, 'x-twice'), ['one', 'two, three']);
    assert.deepEqual(valuesOf(seen, 'x-other'), ['']);
    const cookies = answer.fields.filter(([name]) => name === 'set-cookie').map(([, value]) => value);
    assert.deepEqual(cookies, ['a=1; Path=/', 'b="2, 3"']);
    assert.equal(answer.field('x-odd'), 'caf\xe9');
    const h2 = await openH2(t, port);
    const { body, headers } = await sendRequest(h2, {
      ':path': '/',
      'x-a_b': '~{"}',
      'x-twice': ['one', 'two'],
      cookie: ['a=1', 'b=2'],
    });
    assert.deepEqual(valuesOf(mirrored(body), 'x-a_b'), ['~{"}']);
    assert.deepEqual(valuesOf(mirrored(body), 'x-twice').join(), 'one,two');
    assert.deepEqual(valuesOf(mirrored(body), 'cookie'), ['a=1; b=2']);
    assert.deepEqual(valuesOf(mirrored(body), 'host'), ['app.example']);
    assert.deepEqual(headers['set-cookie'], ['a=1; Path=/', 'b="2, 3"']);
  });

  test('forwards every method; a response to HEAD has the fields of one to GET, and no body', async (t) => {
    const { port } = await startServing(t, httpRoutes(await startHttpApp(t, mirror('app'))));
    const h1 = await openH1(t, port);
    for (const method of ['PATCH', 'PROPFIND', 'DELETE', 'QUERY']) {
      h1.head(`${method} /x HTTP/1.1`, 'Host: app.example', 'Content-Length: 0');
      assert.equal(mirrored((await h1.answer()).body).method, method);
    }
    h1.head('OPTIONS * HTTP/1.1', 'Host: app.example');
    assert.equal(mirrored((await h1.answer()).body).url, '*');
    h1.head('HEAD / HTTP/1.1', 'Host: app.example');
    const head = await h1.answer({ noBody: true });
    assert.ok(Number(head.field('content-length')) > 0);
    assert.equal((await h1.get('/', 'app.example')).status, 200);
    const h2 = await openH2(t, port);
    const answer = await sendRequest(h2, { ':method': 'HEAD' });
    assert.equal(answer.body, '');
    assert.ok(Number(answer.headers['content-length']) > 0);
  });

  test('forwards bodies of 20 MB in both directions, with a length and in chunks', async (t) => {
    const app = await startHttpApp(t, async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      response.setHeader('x-framing', request.headers['transfer-encoding'] ?? 'length');
      if (request.url === '/length') response.setHeader('content-length', body.length);
      response.write(body);
      response.end();
    });
    const { port } = await startServing(t, httpRoutes(app));
    const body = randomBytes(20_000_000).toString('latin1').replaceAll('\r', 'x');
    const bytes = Buffer.from(body, 'latin1');
    const h1 = await openH1(t, port);
    h1.head('POST /length HTTP/1.1', 'Host: app.example', `Content-Length: ${bytes.length}`);
    h1.socket.write(bytes);
    assert.equal(sha256(Buffer.from((await h1.answer()).body, 'latin1')), sha256(bytes));
    h1.head('POST /chunks HTTP/1.1', 'Host: app.example', 'Transfer-Encoding: chunked');
    h1.socket.write(`${bytes.length.toString(16)}\r\n`);
    h1.socket.write(bytes);
    h1.socket.write('\r\n0\r\n\r\n');
    const chunked = await h1.answer();
    assert.equal(chunked.field('x-framing'), 'chunked');
    assert.equal(sha256(Buffer.from(chunked.body, 'latin1')), sha256(bytes));
  });
});
