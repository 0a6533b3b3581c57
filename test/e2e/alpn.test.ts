import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { upMessage } from '../../src/proxy/upstream/messages.ts';
import { afterTest } from '../harness/after-test.ts';
import { greeter, startApp } from '../harness/apps/tcp-app.ts';
import { receive } from '../harness/clients/tls.ts';
import { openServer } from '../world/open-server.ts';
import type { World } from '../world/world.ts';
import { ingressIn, worldFor } from './support.ts';

const DOMAIN = 'app.example.test';

/** An encoded gRPC message: uncompressed, its length, its bytes. */
function message(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

function messages(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    found.push(bytes.toString('utf8', at + 5, end));
    at = end;
  }
  return found;
}

/**
 * HTTP/2 without TLS, as a gRPC server speaks it: `/count` streams three messages, each when the
 * client asks for it.
 */
async function startGrpcApp(t: TestContext): Promise<number> {
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'counted' }));
    let sent = 0;
    stream.on('data', () => {
      sent += 1;
      stream.write(message(`answer ${sent}`));
      if (sent === 3) stream.end();
    });
  });
  const open = await openServer(server, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => open[Symbol.asyncDispose]());
  return open.port;
}

/** A client's TLS connection through the gateway, offering these protocols. */
async function connection(world: World, offered: readonly string[]): Promise<TLSSocket> {
  const socket = connectTls({
    ...{ host: world.gateway.address, port: 443, servername: DOMAIN },
    ...{ ca: [...world.pebble.roots], ALPNProtocols: [...offered] },
  });
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
}

async function session(t: TestContext, world: World): Promise<ClientHttp2Session> {
  const socket = await connection(world, ['h2']);
  assert.equal(socket.alpnProtocol, 'h2');
  const client = connect(`https://${DOMAIN}`, { createConnection: () => socket });
  // The world ends before the client and cuts the connection.
  client.on('error', () => undefined);
  afterTest(t, () => client.destroy());
  return client;
}

test('a gRPC client negotiates h2 and gets a stream of responses with trailers', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { TARGET_ENDPOINT: `grpc://127.0.0.1:${await startGrpcApp(t)}` });
  await ingress.seen('pass-finished');
  const client = await session(t, world);
  const call = client.request({
    ...{ ':method': 'POST', ':path': '/Counter/Count', te: 'trailers', 'content-type': 'application/grpc' },
  });
  const trailers = once(call, 'trailers').then(([headers]): IncomingHttpHeaders => headers);
  const received: Buffer[] = [];
  call.write(message('go'));
  call.on('data', (chunk: Buffer) => {
    received.push(chunk);
    // Each response has to arrive before the next request: nothing in between may buffer until the
    // end.
    if (received.length < 3) call.write(message('more'));
    else call.end();
  });
  const [headers]: IncomingHttpHeaders[] = await once(call, 'response');
  assert.equal(headers?.['content-type'], 'application/grpc');
  assert.equal((await trailers)['grpc-status'], '0');
  assert.equal((await trailers)['grpc-message'], 'counted');
  assert.deepEqual(messages(Buffer.concat(received)), ['answer 1', 'answer 2', 'answer 3']);
});

test('a plain target negotiates HTTP/1.1 for evidence', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world);
  await ingress.seen('pass-finished');
  const socket = await connection(world, ['h2', 'http/1.1']);
  afterTest(t, () => socket.destroy());
  assert.equal(socket.alpnProtocol, 'http/1.1');
});

test('a plain target without evidence negotiates nothing, whatever the client offers', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { EVIDENCE_SERVER: 'false' });
  await ingress.seen('pass-finished');
  const socket = await connection(world, ['h2', 'http/1.1']);
  afterTest(t, () => socket.destroy());
  assert.equal(socket.alpnProtocol, false);
});

test('a tcp scheme negotiates its protocol, HTTP/1.1 for evidence, or none: the bytes arrive in any case', async (t) => {
  const world = await worldFor(t);
  const greeting = await startApp(t, greeter('ready\n'));
  const ingress = await ingressIn(t, world, { TARGET_ENDPOINT: `postgres://127.0.0.1:${greeting}` });
  const { msg } = await ingress.seen('up');
  const target = { host: '127.0.0.1', port: greeting, speaks: 'tcp', tls: false } as const;
  const name = ingress.environment['DOMAIN'] ?? '';
  assert.equal(msg, upMessage({ name, target, alpn: ['postgresql', 'http/1.1'] }));
  for (const [offered, negotiated] of [
    [['postgresql'], 'postgresql'],
    [['h2', 'http/1.1'], 'http/1.1'],
    [['h2'], false],
    [[], false],
  ] as const) {
    const socket = await connection(world, offered);
    afterTest(t, () => socket.destroy());
    assert.equal(socket.alpnProtocol, negotiated);
    if (negotiated !== 'http/1.1') assert.equal(await receive(socket), 'ready');
  }
});

test('ALPN offers the configured protocols in order', async (t) => {
  const world = await worldFor(t);
  const ingress = await ingressIn(t, world, { ALPN: 'http/1.1,h2' });
  await ingress.seen('pass-finished');
  for (const [offered, negotiated] of [
    [['h2', 'http/1.1'], 'http/1.1'],
    [['h2'], 'h2'],
    [['spdy/3'], false],
  ] as const) {
    const socket = await connection(world, offered);
    afterTest(t, () => socket.destroy());
    assert.equal(socket.alpnProtocol, negotiated);
  }
});
