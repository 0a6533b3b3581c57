import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { type TestContext, test } from 'node:test';
import { WebSocketServer } from 'ws';
import { startHttpApp } from '../harness/apps/http-app.ts';
import { HTTP_ALPN, httpRoutes, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';
import { type Page, startChromium } from './chromium.ts';

const UPLOAD_BYTES = 20_000_000;

/** A page, events and uploads. Pages of other origins may use it too. */
const site =
  (name: string): RequestListener =>
  async (request, response) => {
    response.setHeader('access-control-allow-origin', request.headers.origin ?? '*');
    response.setHeader('access-control-allow-credentials', 'true');
    if (request.url === '/events') {
      response.setHeader('content-type', 'text/event-stream');
      for (const number of [1, 2, 3]) {
        response.write(`data: ${name} ${number}\n\n`);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return;
    }
    if (request.url?.startsWith('/cookies/')) {
      const [, , count = '', bytes = ''] = request.url.split('/');
      const value = 'c'.repeat(Number(bytes));
      const cookies = Array.from(
        { length: Number(count) },
        (_, index) => `c${index}=${value}; Path=/; Secure`,
      );
      response.setHeader('set-cookie', cookies);
    }
    if (request.url === '/length') {
      response.end(String(request.headers.cookie?.length ?? 0));
      return;
    }
    let received = 0;
    for await (const chunk of request) received += chunk.length;
    response.setHeader('content-type', 'text/html');
    response.end(received > 0 ? `${name} got ${received}` : name);
  };

async function startSite(t: TestContext, name: string): Promise<number> {
  return await startHttpApp(t, site(name), (server) => {
    new WebSocketServer({ server }).on('connection', (socket) => {
      socket.on('message', (text) => socket.send(`${name} heard ${text}`));
    });
  });
}

/** Two names with one certificate and an app each, and a page of the first name. */
async function openSites(t: TestContext): Promise<{ page: Page; other: string }> {
  const names = ['a.site.example', 'b.site.example'] as const;
  const certificate = await testCertificate(names[0], 'ecdsa', [names[1]]);
  const routes = [];
  for (const name of names) routes.push(...httpRoutes(await startSite(t, name), [name]));
  const { port, proxy } = await startTestProxy(t, { routes, alpn: HTTP_ALPN });
  for (const name of names) await proxy.install({ ...certificate, name, servername: name });
  const page = await startChromium(t, certificate);
  await page.open(`https://a.site.example:${port}/`);
  return { page, other: `b.site.example:${port}` };
}

/** Opens a WebSocket to a host, sends a text and returns the reply. */
const hello = (host: string) => `
  const socket = new WebSocket('wss://${host}/');
  return await new Promise((resolve, reject) => {
    socket.onopen = () => socket.send('hello');
    socket.onmessage = ({ data }) => resolve(data);
    socket.onclose = ({ code }) => reject(new Error('closed: ' + code));
  });`;

test('Chromium: a page over HTTP/2, a WebSocket, server-sent events and a large upload', async (t) => {
  const { page } = await openSites(t);
  const protocol = "return performance.getEntriesByType('navigation')[0].nextHopProtocol";
  assert.equal(await page.run(protocol), 'h2');
  const host: string = await page.run('return location.host');
  for (const _ of [1, 2]) assert.equal(await page.run(hello(host)), 'a.site.example heard hello');
  const events = `
    const source = new EventSource('/events');
    const heard = [];
    return await new Promise((resolve) => {
      source.onmessage = ({ data }) => {
        heard.push(data);
        if (heard.length === 3) { source.close(); resolve(heard); }
      };
    });`;
  assert.deepEqual(await page.run(events), ['a.site.example 1', 'a.site.example 2', 'a.site.example 3']);
  const upload = `
    const answer = await fetch('/', { method: 'POST', body: new Uint8Array(${UPLOAD_BYTES}) });
    return await answer.text();`;
  assert.equal(await page.run(upload), `a.site.example got ${UPLOAD_BYTES}`);
});

test('Chromium: another name of the same certificate with another target is reached too', async (t) => {
  const { page, other } = await openSites(t);
  assert.equal(await page.run(hello(other)), 'b.site.example heard hello');
  assert.equal(
    await page.run(`return await (await fetch('https://${other}/', { credentials: 'include' })).text()`),
    'b.site.example',
  );
  assert.equal(await page.run(hello(other)), 'b.site.example heard hello');
});

test('Chromium: a site with 18 kB of cookies, and then 60 kB, is still served', async (t) => {
  const { page } = await openSites(t);
  for (const count of [6, 20]) {
    const length = `
      await fetch('/cookies/${count}/3000');
      const answers = await Promise.all([1, 2, 3].map(() => fetch('/length')));
      return await Promise.all(answers.map((answer) => answer.text()));`;
    const seen: string[] = await page.run(length);
    assert.equal(seen.length, 3);
    for (const bytes of seen) assert.ok(Number(bytes) > count * 3_000, bytes);
  }
});
