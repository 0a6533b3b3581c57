import assert from 'node:assert/strict';
import { on, once } from 'node:events';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type ClientUnaryCall,
  credentials,
  makeClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { Target } from '../../src/proxy/config/routes.ts';
import { afterTest } from '../harness/after-test.ts';
import { haproxyVersion } from '../harness/proxy/haproxy-version.ts';
import { freePort, routesTo, startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';
import { type Child, startChild } from '../world/child.ts';
import { words } from './grpc-service.ts';

const APP = fileURLToPath(new URL('grpc-app.ts', import.meta.url));
const WordsClient = makeClientConstructor(words, 'Words');

/** A common retry policy: UNAVAILABLE is retried. */
const RETRIES = {
  ...{ maxAttempts: 3, initialBackoff: '0.1s', maxBackoff: '1s', backoffMultiplier: 2 },
  retryableStatusCodes: ['UNAVAILABLE'],
};

async function startApp(t: TestContext, port: number): Promise<Child> {
  const app = await startChild(process.execPath, { args: [APP, String(port)] });
  afterTest(t, () => app[Symbol.asyncDispose]());
  await app.seen(/^listening$/, 20_000);
  return app;
}

/** grpc-js as client and server of a proxy. */
async function start(t: TestContext, target: Partial<Target> = { speaks: 'h2' }) {
  const appPort = await freePort();
  const app = await startApp(t, appPort);
  const certificate = await testCertificate('app.example');
  const routes = routesTo({ port: appPort, ...target }, ['app.example'], ['h2']);
  const { proxy, port } = await startTestProxy(t, { routes });
  await proxy.install(certificate);
  const trust = credentials.createSsl(Buffer.from(certificate.chainPem));
  const client = new WordsClient(`127.0.0.1:${port}`, trust, {
    'grpc.ssl_target_name_override': 'app.example',
    'grpc.default_authority': 'app.example',
    'grpc.service_config': JSON.stringify({ methodConfig: [{ name: [{}], retryPolicy: RETRIES }] }),
  });
  afterTest(t, () => client.close());
  return { app, appPort, ...callsOf(client) };
}

/** The methods of the service with their types, which the library's client lacks. */
function callsOf(client: InstanceType<typeof WordsClient>) {
  const { echo, split, chat, hang } = words;
  const unary = (method: typeof echo, message: string, deadline = Date.now() + 10_000) => {
    const answer = Promise.withResolvers<string | undefined>();
    const { path, requestSerialize, responseDeserialize } = method;
    const call: ClientUnaryCall = client.makeUnaryRequest(
      ...([path, requestSerialize, responseDeserialize, message, { deadline }] as const),
      (error: ServiceError | null, value?: string) => (error ? answer.reject(error) : answer.resolve(value)),
    );
    return { call, answer: answer.promise };
  };
  return {
    echo: (message: string) => unary(echo, message).answer,
    hang: (message: string, deadline?: number) => unary(hang, message, deadline),
    split: (message: string) =>
      client.makeServerStreamRequest(split.path, split.requestSerialize, split.responseDeserialize, message),
    chat: () => client.makeBidiStreamRequest(chat.path, chat.requestSerialize, chat.responseDeserialize),
  };
}

test('grpc-js: a unary call, also with 1 MB', async (t) => {
  const { echo } = await start(t);
  assert.equal(await echo('hello'), 'hello');
  const large = 'x'.repeat(1_000_000);
  assert.equal(await echo(large), large);
});

test('grpc-js: a server stream arrives message by message', async (t) => {
  const { split } = await start(t);
  const heard: string[] = [];
  const stream = split('one two three');
  for await (const [word] of on(stream, 'data', { signal: AbortSignal.timeout(10_000) })) {
    heard.push(word);
    if (heard.length === 3) break;
  }
  stream.on('error', () => undefined).cancel();
  assert.deepEqual(heard, ['one', 'two', 'three']);
});

test('grpc-js: a bidirectional stream, each message before the next', async (t) => {
  const { chat } = await start(t);
  const stream = chat();
  for (const message of ['one', 'two', 'x'.repeat(1_000_000)]) {
    stream.write(message);
    assert.deepEqual(await once(stream, 'data'), [message]);
  }
  stream.end();
  stream.resume();
  const [{ code }] = await once(stream, 'status');
  assert.equal(code, status.OK);
});

test('grpc-js: a deadline ends a call, and the server sees that a client cancels', async (t) => {
  const { app, hang } = await start(t);
  await assert.rejects(hang('too late', Date.now() + 300).answer, { code: status.DEADLINE_EXCEEDED });
  const { call, answer } = hang('never mind');
  await app.seen(/^cancelled: too late$/, 10_000);
  await app.seen(/^hanging: never mind$/, 10_000);
  call.cancel();
  await assert.rejects(answer, { code: status.CANCELLED });
  await app.seen(/^cancelled: never mind$/, 10_000);
});

/**
 * How HAProxy signals to a client that a stream was interrupted: no HTTP/2 error code says that a
 * call was begun and cannot continue.
 */
const brokenOff = haproxyVersion < 300 ? status.INTERNAL : status.CANCELLED;

test('grpc-js: a retry policy repeats a call whose server was killed before it responded', async (t) => {
  const { app, appPort, hang } = await start(t);
  const { call, answer } = hang('for ever');
  await app.seen(/^hanging: for ever$/, 10_000);
  await app.end('SIGKILL', 1_000);
  const next = await startApp(t, appPort);
  await next.seen(/^hanging: for ever$/, 10_000);
  call.cancel();
  await assert.rejects(answer, { code: status.CANCELLED });
});

test('grpc-js: a server that is killed in mid-stream is CANCELLED', async (t) => {
  const { app, split } = await start(t);
  const stream = split('one');
  await once(stream, 'data');
  const broken = once(stream, 'error');
  await app.end('SIGKILL', 1_000);
  const [error] = await broken;
  assert.equal(error.code, brokenOff);
});

test('grpc-js: behind a tcp:// target it is UNAVAILABLE in mid-stream too', async (t) => {
  const { app, echo, split } = await start(t, { speaks: 'tcp' });
  assert.equal(await echo('hello'), 'hello');
  const stream = split('one');
  await once(stream, 'data');
  const broken = once(stream, 'error');
  await app.end('SIGKILL', 1_000);
  const [error] = await broken;
  assert.equal(error.code, status.UNAVAILABLE);
});
