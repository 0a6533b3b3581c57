import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { appBody, GREETING, startApp } from './app.ts';

test('responds with its name and the path', async () => {
  await using app = await startApp({ name: 'blue' });
  const response = await fetch(`http://${app.address}:${app.port}/some/path?x=1`, {
    headers: { 'X-Seen': 'yes' },
  });
  assert.equal(await response.text(), appBody('blue', '/some/path?x=1'));
  assert.equal(app.lastHeaders['x-seen'], 'yes');
  assert.equal(app.served, 1);
});

test('streams until the client disconnects', async () => {
  await using app = await startApp();
  const leaving = new AbortController();
  const response = await fetch(`http://${app.address}:${app.port}/stream`, { signal: leaving.signal });
  let lines = 0;
  await assert.rejects(async () => {
    for await (const piece of response.body ?? []) {
      lines += Buffer.from(piece).toString().split('\n').length - 1;
      if (lines >= 3) leaving.abort();
    }
  }, /abort/i);
  assert.ok(lines >= 3);
});

test('speaks first in the mode speaksFirst, then echoes', async () => {
  await using app = await startApp({ mode: 'speaksFirst' });
  const socket = connect(app.port, app.address).setEncoding('utf8');
  const [greeting] = await once(socket, 'data');
  assert.equal(greeting, GREETING);
  socket.end('hello');
  assert.deepEqual(await socket.toArray(), ['hello']);
});

test('stops, and starts on the same port or another one', async () => {
  await using app = await startApp();
  const first = app.port;
  const status = async () => (await fetch(`http://${app.address}:${app.port}/`)).status;
  await app.stop();
  await assert.rejects(status());
  await app.start();
  assert.deepEqual([app.port, await status()], [first, 200]);
  await app.stop();
  await app.start(0);
  assert.notEqual(app.port, first);
  assert.equal(await status(), 200);
});
