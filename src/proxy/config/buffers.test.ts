import assert from 'node:assert/strict';
import type { OutgoingHttpHeaders } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import { describe, type TestContext, test } from 'node:test';
import { afterTest } from '../../../test/harness/after-test.ts';
import { startH2App, startHttpApp } from '../../../test/harness/apps/http-app.ts';
import { openH1 } from '../../../test/harness/clients/h1.ts';
import { answerOf, openH2, sendRequest } from '../../../test/harness/clients/h2.ts';
import { type LogLine, memoryLog } from '../../../test/harness/memory-log.ts';
import { haproxyVersion } from '../../../test/harness/proxy/haproxy-version.ts';
import { eventually, httpRoutes, startServing } from '../../../test/harness/proxy/proxy.ts';
import { temporaryDirectory } from '../../../test/harness/temporary-directory.ts';
import { startEvidenceServer } from '../../evidence/server.ts';
import type { ProxyRoute } from './routes.ts';

/** The size of a header: its fields, and their bytes together. */
interface Size {
  readonly fields: number;
  readonly bytes: number;
}

const LARGE = [
  { fields: 1, bytes: 65_000 },
  { fields: 20, bytes: 65_000 },
  { fields: 248, bytes: 20_000 },
] as const;
const TOO_LARGE = [
  { fields: 1, bytes: 66_000 },
  { fields: 20, bytes: 120_000 },
  { fields: 260, bytes: 20_000 },
  { fields: 1_000, bytes: 20_000 },
] as const;
/** A header that exceeds HAProxy's own limits. */
const ENORMOUS = { fields: 20, bytes: 200_000 } as const;

function fieldsOf({ fields, bytes }: Size): [name: string, value: string][] {
  const name = (index: number) => `x-${String(index).padStart(4, '0')}`;
  const value = 'b'.repeat(Math.floor(bytes / fields) - name(0).length - 4);
  return Array.from({ length: fields }, (_, index) => [name(index), value]);
}

/** The response fields that a path requests. */
const answering = (query: string): OutgoingHttpHeaders => {
  const [fields, bytes] = query.slice(2).split('x').map(Number);
  return fields && bytes ? Object.fromEntries(fieldsOf({ fields, bytes })) : {};
};
const wanted = ({ fields, bytes }: Size) => `/?${fields}x${bytes}`;

async function startApp(t: TestContext): Promise<number> {
  return await startHttpApp(t, (request, response) => {
    const names = request.rawHeaders.filter((name) => /^x-\d/.test(name));
    response.writeHead(200, answering(request.url ?? ''));
    request.resume().on('end', () => response.end(String(names.length)));
  });
}

async function serve(t: TestContext): Promise<{ port: number; lines: LogLine[] }> {
  return await startServing(t, httpRoutes(await startApp(t)));
}

/** An HTTP/2 client without limits of its own. */
async function openUnlimited(t: TestContext, port: number): Promise<ClientHttp2Session> {
  const maxHeaderListSize = 1_000_000;
  return await openH2(t, port, 'app.example', {
    ...{
      maxSendHeaderBlockLength: maxHeaderListSize,
      maxHeaderListPairs: 5_000,
      settings: { maxHeaderListSize },
    },
  });
}

const lineOf = (size: Size) => fieldsOf(size).map(([name, value]) => `${name}: ${value}`);
const words = ({ fields, bytes }: Size) => `${fields} fields of ${bytes} bytes together`;

async function logged(lines: readonly LogLine[], why: string): Promise<LogLine> {
  const found = () => lines.find((line) => line['why'] === why);
  await eventually(`${why} in the log`, () => found() !== undefined);
  const line = found();
  assert.ok(line);
  return line;
}

describe('a header', { concurrency: 2 }, () => {
  for (const size of LARGE)
    test(`${words(size)}: is forwarded in both directions, over h1 and h2`, async (t) => {
      const { port, lines } = await serve(t);
      const h1 = await openH1(t, port);
      assert.equal((await h1.get('/', 'app.example', ...lineOf(size))).body, String(size.fields));
      const answer = await h1.get(wanted(size), 'app.example');
      assert.equal(answer.fields.filter(([name]) => /^x-\d/.test(name)).length, size.fields);
      const h2 = await openUnlimited(t, port);
      assert.equal((await sendRequest(h2, Object.fromEntries(fieldsOf(size)))).body, String(size.fields));
      const { headers } = await sendRequest(h2, { ':path': wanted(size) });
      assert.equal(Object.keys(headers).filter((name) => /^x-\d/.test(name)).length, size.fields);
      assert.deepEqual(
        lines.filter(({ event }) => event === 'connection-failed'),
        [],
      );
    });

  for (const size of TOO_LARGE) {
    test(`${words(size)}: of a request is 431, and the connection stays usable`, async (t) => {
      const { port, lines } = await serve(t);
      const h1 = await openH1(t, port);
      const refused = await h1.get('/', 'app.example', ...lineOf(size));
      assert.equal(refused.status, 431);
      assert.match(refused.body, /^431 Request Header Fields Too Large/);
      const line = await logged(lines, 'request-header-too-large');
      assert.deepEqual([line.level, line['domain'], line['status']], [30, 'app.example', 431]);
      const h2 = await openUnlimited(t, port);
      const other = h2.request({ ':method': 'POST' });
      const answer = answerOf(other);
      assert.equal((await sendRequest(h2, Object.fromEntries(fieldsOf(size)))).status, 431);
      other.end('more');
      assert.equal((await answer).status, 200);
      assert.equal((await sendRequest(h2, {})).status, 200);
    });

    test(`${words(size)}: of a response is 502, and logged as the app's`, async (t) => {
      const { port, lines } = await serve(t);
      const h1 = await openH1(t, port);
      assert.equal((await h1.get(wanted(size), 'app.example')).status, 502);
      assert.equal((await h1.get('/', 'app.example')).status, 200);
      const line = await logged(lines, 'header-too-large');
      assert.deepEqual([line.level, line['status']], [40, 502]);
      const h2 = await openUnlimited(t, port);
      assert.equal((await sendRequest(h2, { ':path': wanted(size) })).status, 502);
      assert.equal((await sendRequest(h2, {})).status, 200);
    });
  }

  for (const size of [ENORMOUS, { fields: 1_500, bytes: 20_000 }]) {
    test(`${words(size)}: of a response is logged as too large, although HAProxy could not parse it`, async (t) => {
      const { port, lines } = await serve(t);
      assert.equal((await (await openH1(t, port)).get(wanted(size), 'app.example')).status, 502);
      assert.equal((await logged(lines, 'header-too-large')).level, 40);
    });

    test(`${words(size)}: of an HTTP/1.1 request is logged as too large, although HAProxy could not parse it`, async (t) => {
      const { port, lines } = await serve(t);
      const { status } = await (await openH1(t, port)).get('/', 'app.example', ...lineOf(size));
      const byBytes = size === ENORMOUS && haproxyVersion >= 301;
      assert.equal(status, byBytes ? 431 : 400);
      assert.equal((await logged(lines, 'request-header-too-large')).level, 30);
    });
  }

  test("of an HTTP/2 request above HAProxy's own limits ends the connection, which cannot be prevented", async (t) => {
    const { port } = await serve(t);
    const h2 = await openUnlimited(t, port);
    await assert.rejects(
      sendRequest(h2, Object.fromEntries(fieldsOf(ENORMOUS))),
      /Session closed with error code/,
    );
    assert.equal((await sendRequest(await openUnlimited(t, port), {})).status, 200);
  });

  test('of an app that speaks HTTP/2 has the same limits', async (t) => {
    const app = await startH2App(t, (server) => {
      server.on('stream', (stream, headers) => {
        stream.respond(answering(String(headers[':path'])));
        stream.end();
      });
    });
    const { port, lines } = await startServing(t, httpRoutes(app, undefined, { speaks: 'h2' }));
    const h2 = await openUnlimited(t, port);
    assert.equal((await sendRequest(h2, { ':path': wanted({ fields: 248, bytes: 20_000 }) })).status, 200);
    assert.equal((await sendRequest(h2, { ':path': wanted({ fields: 260, bytes: 20_000 }) })).status, 502);
    assert.equal((await logged(lines, 'header-too-large')).level, 40);
  });
});

test('the evidence server accepts a header of 16 kB besides cookies; Node responds with 431 to a larger one', async (t) => {
  const evidence = await startEvidenceServer(temporaryDirectory(t), memoryLog().emit);
  afterTest(t, () => evidence[Symbol.asyncDispose]());
  const routes: ProxyRoute[] = httpRoutes(await startApp(t));
  const { port } = await startServing(t, routes, { evidencePort: evidence.port });
  const h2 = await openUnlimited(t, port);
  for (const [name, bytes, status] of [
    ['x-large', 14_000, 200],
    ['x-large', 18_000, 431],
    ['cookie', 60_000, 200],
  ] as const) {
    const { status: seen } = await sendRequest(h2, { ':path': '/evidences/', [name]: 'a'.repeat(bytes) });
    assert.equal(seen, status);
  }
});
