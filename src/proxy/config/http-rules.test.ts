import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mirror, mirrored, type SeenRequest, startHttpApp } from '../../../test/harness/apps/http-app.ts';
import { openH1 } from '../../../test/harness/clients/h1.ts';
import { openH2, sendRequest } from '../../../test/harness/clients/h2.ts';
import { httpRoutes, startServing } from '../../../test/harness/proxy/proxy.ts';

/** The two bytes of é as Latin-1, the encoding in which Node writes a request. */
const raw = Buffer.from('é').toString('latin1');

test('a URL with raw UTF-8 is refused over HTTP/1.1 and HTTP/2, and forwarded if it is encoded', async (t) => {
  const seen: SeenRequest[] = [];
  const { port } = await startServing(t, httpRoutes(await startHttpApp(t, mirror('app', seen))));
  const h2 = await openH2(t, port);
  for (const path of [`/${raw}`, `/?q=${raw}`]) {
    const h1 = await openH1(t, port);
    h1.socket.write(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: app.example\r\n\r\n`, 'latin1'));
    assert.equal((await h1.answer()).status, 400);
    const { status, headers, body } = await sendRequest(h2, { ':path': path });
    assert.deepEqual([status, headers['content-type']], [400, 'text/plain']);
    assert.equal(body, '400 Bad Request: the URL or the port in the Host field is not valid.\n');
  }
  assert.deepEqual(seen, []);
  const h1 = await openH1(t, port);
  // Every character that HAProxy accepts in HTTP/1.1, which are more than in RFC 3986.
  for (const path of ['/%C3%A9?q=%c3%a9', '/!"$%&\'()*+,-.:;<=>?@[\\]^_`{|}~']) {
    assert.equal(mirrored((await h1.get(path, 'app.example')).body).url, path);
    assert.equal(mirrored((await sendRequest(h2, { ':path': path })).body).url, path);
  }
});

test('ambiguous lengths, names and versions are refused over HTTP/1.1', async (t) => {
  const seen: SeenRequest[] = [];
  const { port } = await startServing(t, httpRoutes(await startHttpApp(t, mirror('app', seen))));
  for (const lines of [
    ['POST / HTTP/1.1', 'Host: app.example', 'Content-Length: 5', 'Transfer-Encoding : chunked'],
    ['POST / HTTP/1.1', 'Host: app.example', 'Content-Length : 5'],
    ['GET / HTTP/1.1', 'Host: app.example', 'X-Odd: a\0b'],
    ['GET / HTTP/1.1', 'Host: app.example', 'X{odd: a'],
    ['GET /a#b HTTP/1.1', 'Host: app.example'],
    ['GET / HTTP/1.10', 'Host: app.example'],
    ['GET /'],
  ]) {
    const h1 = await openH1(t, port);
    h1.head(...lines);
    assert.equal((await h1.answer()).status, 400, lines.join(' | '));
  }
  assert.deepEqual(seen, []);
});
