import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, createServer as createTcpServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { makeSelfSigned } from '../ca/self-signed.ts';
import type { ZoneRecord } from '../dns/publisher.ts';
import { claimLoopback } from '../loopback.ts';
import { createWorld, type World } from '../world.ts';
import { startGateway } from './gateway.ts';

let world: World;
let ca: string;
let echo: Server;
let echoPort: number;

before(async () => {
  world = await createWorld();
  const files = {
    certificate: join(world.directory, 'echo.crt'),
    privateKey: join(world.directory, 'echo.key'),
  };
  await makeSelfSigned('DNS:*.example.test,DNS:*.deep.example.test,DNS:*.cluster.test', files);
  ca = await readFile(files.certificate, 'utf8');
  const key = await readFile(files.privateKey, 'utf8');
  echo = createServer({ key, cert: ca, ALPNProtocols: ['echo'], allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  echoPort = await listen(echo);
});
after(async () => {
  echo.close();
  await world[Symbol.asyncDispose]();
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address && typeof address === 'object');
  return address.port;
}

const txt = (name: string, data: string): ZoneRecord => ({ name, type: 'TXT', ttl: 1, data });
const publish = (...records: ZoneRecord[]) => world.nameServers.publish(world.zone, records);

async function connectAs(servername: string): Promise<TLSSocket> {
  const { address: host } = world.gateway;
  const socket = connect({ host, port: 443, servername, ca, ALPNProtocols: ['echo'] });
  await once(socket, 'secureConnect');
  return socket;
}

/**
 * Sends a word, ends the sending side, and returns what arrives before the other side ends its own.
 */
async function echoed(servername: string): Promise<string> {
  const socket = await connectAs(servername);
  assert.equal(socket.alpnProtocol, 'echo');
  socket.setEncoding('utf8').end('hello');
  return (await socket.toArray()).join('');
}

async function refusal(servername: string): Promise<string> {
  await assert.rejects(connectAs(servername), /ECONNRESET|disconnected/);
  const last = world.gateway.refusals.at(-1);
  assert.equal(last?.sni, servername);
  return last?.reason ?? '';
}

describe('routes', () => {
  test('the app id, passing TLS, ALPN and a half-closed connection through', async () => {
    await publish(txt('_dstack-app-address.app.example.test', `${world.guestAgent.appId}:${echoPort}`));
    const before = world.gateway.routed;
    assert.equal(await echoed('app.example.test'), 'hello');
    assert.equal(world.gateway.routed, before + 1);
  });

  test('the instance id', async () => {
    await publish(txt('_dstack-app-address.one.example.test', `${world.guestAgent.instanceId}:${echoPort}`));
    assert.equal(await echoed('one.example.test'), 'hello');
  });

  test('the older record name, and the wildcard of the parent', async () => {
    const value = `${world.guestAgent.appId}:${echoPort}`;
    await publish(
      txt('_tapp-address.old.example.test', value),
      txt('_dstack-app-address-wildcard.deep.example.test', value),
    );
    assert.equal(await echoed('old.example.test'), 'hello');
    assert.equal(await echoed('any.deep.example.test'), 'hello');
  });

  test('the exact name, which wins over the wildcard', async () => {
    const { appId } = world.guestAgent;
    await publish(
      txt('_dstack-app-address.exact.example.test', `${appId}:${echoPort}`),
      txt('_dstack-app-address-wildcard.example.test', `${appId}:1`),
    );
    await world.resolver.flush();
    assert.equal(await echoed('exact.example.test'), 'hello');
  });

  test('its own domain with the s suffix', async () => {
    assert.equal(await echoed(`${world.guestAgent.appId}-${echoPort}s.cluster.test`), 'hello');
    assert.match(await refusal(`${world.guestAgent.appId}.cluster.test`), /does not select TLS passthrough/);
  });

  test('the first of several instances that responds', async () => {
    const { appId, instanceId } = world.guestAgent;
    const known = world.gateway.instances;
    world.gateway.instances = [...known, { appId, instanceId, address: '127.255.0.9' }];
    await publish(txt('_dstack-app-address.race.example.test', `${appId}:${echoPort}`));
    assert.equal(await echoed('race.example.test'), 'hello');
    world.gateway.instances = known;
  });
});

describe('refuses', () => {
  test('a name without a record', async () => {
    assert.match(await refusal('nobody.example.test'), /no app-address record/);
  });

  test('an unknown app, and a closed port', async () => {
    const { appId } = world.guestAgent;
    await publish(
      txt('_dstack-app-address.other.example.test', `${'0'.repeat(40)}:${echoPort}`),
      txt('_dstack-app-address.shut.example.test', `${appId}:${await world.freePort()}`),
    );
    assert.match(await refusal('other.example.test'), /no app or instance 0{40}/);
    assert.match(await refusal('shut.example.test'), /refuses/);
  });

  test('a malformed record, although there is a good wildcard', async () => {
    const { appId } = world.guestAgent;
    for (const [at, value] of [
      `${appId}`,
      `${appId}:0`,
      `${appId}:70000`,
      'app:443',
      `"${appId}" ":443"`,
    ].entries()) {
      await publish(
        txt(`_dstack-app-address.bad${at}.example.test`, value),
        txt('_dstack-app-address-wildcard.example.test', `${appId}:${echoPort}`),
      );
      assert.match(await refusal(`bad${at}.example.test`), /malformed/, value);
    }
  });

  test('bytes that are not TLS, or have no server name within 4096 bytes', async () => {
    const reasonFor = async (bytes: Buffer) => {
      const socket = connectTcp(443, world.gateway.address);
      socket.on('error', () => undefined).write(bytes);
      await once(socket, 'close');
      return world.gateway.refusals.at(-1)?.reason;
    };
    assert.match((await reasonFor(Buffer.from('GET / HTTP/1.1\r\n\r\n'))) ?? '', /not a TLS handshake/);
    const endless = Buffer.alloc(5000);
    endless.set([22, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xf0]);
    assert.match((await reasonFor(endless)) ?? '', /within 4096 bytes/);
  });
});

describe('memory', () => {
  test('an answer is cached for its TTL', async () => {
    const { appId } = world.guestAgent;
    await publish({ ...txt('_dstack-app-address.kept.example.test', `${appId}:${echoPort}`), ttl: 60 });
    assert.equal(await echoed('kept.example.test'), 'hello');
    await publish();
    await world.resolver.flush();
    assert.equal(await echoed('kept.example.test'), 'hello');
  });
});

test('the log has a line for every connection', async () => {
  const { appId, instanceId } = world.guestAgent;
  await publish(txt('_dstack-app-address.logged.example.test', `${appId}:${echoPort}`));
  await using loopback = await claimLoopback();
  const address = loopback.next();
  const lines: string[] = [];
  const log = (line: string) => lines.push(line);
  await using gateway = await startGateway({
    address,
    resolver: world.resolver.address,
    domain: 'cluster.test',
    log,
  });
  const visit = () => {
    const socket = connect({ host: address, port: 443, servername: 'logged.example.test', ca });
    return once(socket, 'secureConnect').finally(() => socket.destroy());
  };
  await assert.rejects(visit());
  gateway.instances = [{ appId, instanceId, address: '127.0.0.1' }];
  await visit();
  assert.deepEqual(lines, [
    `logged.example.test: refused, no app or instance ${appId} is registered here`,
    `logged.example.test: passed on to port ${echoPort} of ${appId}`,
  ]);
});

describe('the PROXY protocol', () => {
  afterEach(() => {
    world.gateway.proxyProtocol = undefined;
  });

  for (const version of ['v1', 'v2'] as const) {
    test(`${version} has the client’s address, before the first byte of TLS`, async () => {
      const received: Buffer[] = [];
      await using backend = createTcpServer((socket) => {
        socket.on('data', (piece) => {
          received.push(Buffer.from(piece));
          socket.destroy();
        });
      });
      const port = await listen(backend);
      await publish(txt(`_dstack-app-address.${version}.example.test`, `${world.guestAgent.appId}:${port}`));
      world.gateway.proxyProtocol = version;
      await assert.rejects(connectAs(`${version}.example.test`));
      const bytes = Buffer.concat(received);
      const length = version === 'v1' ? bytes.indexOf('\r\n') + 2 : 28;
      const header = bytes.subarray(0, length);
      if (version === 'v1') assert.match(String(header), /^PROXY TCP4 127\.\S+ 127\.\S+ \d+ 443\r\n$/);
      else assert.match(header.toString('hex'), /^0d0a0d0a000d0a515549540a2111000c7f.{6}7f.{6}.{4}01bb$/);
    });
  }
});
