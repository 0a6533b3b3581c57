import { createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { openServer } from '../../world/open-server.ts';
import { afterTest } from '../after-test.ts';
import { makeCertificate } from '../ca/certificates.ts';

/**
 * An app that wants TLS. It says `words` to whoever comes without, and closes; without words only
 * that. Resolves with its port.
 */
export async function startTlsApp(t: TestContext, words: string | Buffer = ''): Promise<number> {
  const { chainPem, keyPem } = await makeCertificate({ names: ['inside.example'] });
  const tls = createTlsServer({ cert: chainPem, key: keyPem }, (socket) =>
    socket.on('error', () => undefined),
  );
  tls.on('tlsClientError', () => undefined);
  const server = createServer((socket) => {
    socket.once('readable', () => {
      const first: Buffer = socket.read() ?? Buffer.alloc(0);
      if (first.at(0) === 0x16) {
        socket.unshift(first);
        tls.emit('connection', socket);
      } else socket.end(words);
    });
  });
  const open = await openServer(server, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => open[Symbol.asyncDispose]());
  return open.port;
}
