import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startEitherApp } from '../../../test/harness/apps/http-app.ts';
import { startApp } from '../../../test/harness/apps/tcp-app.ts';
import { type ProbedProtocol, probeProtocol, protocolOfAnswer } from './probe.ts';

const answers: readonly [what: string, bytes: Buffer, protocol: ProbedProtocol | undefined][] = [
  ['a status line', Buffer.from('HTTP/1.1 200 OK\r\n'), 'http/1.1'],
  ['a status of 400', Buffer.from('HTTP/1.0 400 Bad Request\r\n\r\nDisallowedHost'), 'http/1.1'],
  [
    'a status of 400 that requires TLS',
    Buffer.from('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'),
    undefined,
  ],
  ['an empty SETTINGS frame and a GOAWAY', Buffer.from('0000000400000000000000080700', 'hex'), 'h2'],
  ['a SETTINGS frame with three settings', Buffer.from('00001204000000000000020000', 'hex'), 'h2'],
  ['an alert', Buffer.from('15030100020246', 'hex'), 'tls'],
  ['a ServerHello', Buffer.from('160303007a0200', 'hex'), 'tls'],
  ['nothing', Buffer.alloc(0), undefined],
  ['a greeting', Buffer.from('220 mail.example ESMTP\r\n'), undefined],
  ['a frame of a stream', Buffer.from('000000040000000001', 'hex'), undefined],
  ['a frame of another kind', Buffer.from('000000060000000000', 'hex'), undefined],
  ['half a frame', Buffer.from('0000000400', 'hex'), undefined],
];
for (const [what, bytes, protocol] of answers) {
  test(`${what}: ${protocol ?? 'unknown'}`, () => assert.equal(protocolOfAnswer(bytes), protocol));
}

const ask = (port: number, addresses: readonly string[] = ['127.0.0.1']) => {
  const names = { servername: 'app', authority: 'app.example' };
  return probeProtocol({ addresses, port, ...names, header: Buffer.alloc(0) }, new AbortController().signal);
};

test('an app that responds 400 in HTTP/1.1 speaks HTTP/1.1, even if it also speaks HTTP/2', async (t) => {
  const app = await startEitherApp(t, (_, response) => response.writeHead(400).end('DisallowedHost'));
  assert.equal(await ask(app), 'http/1.1');
});

test('a 400 that arrives in pieces is read to its end', async (t) => {
  let connections = 0;
  const app = await startApp(t, (socket) => {
    connections += 1;
    socket.once('data', () => {
      socket.write('HTTP/1.1 400 Bad Request\r\n\r\nThis combination of host', () =>
        setImmediate(() => socket.end(' and port requires TLS.')),
      );
    });
  });
  // It is probed for TLS too, but not for HTTP/2: it has responded in HTTP/1.1.
  assert.deepEqual([await ask(app), connections], [undefined, 2]);
});

test('the addresses are probed in turn until one connects', async (t) => {
  const app = await startEitherApp(t, (_, response) => response.end());
  assert.equal(await ask(app, ['127.0.0.2', '127.0.0.1']), 'http/1.1');
  assert.equal(await ask(app, ['127.0.0.2']), undefined);
});
