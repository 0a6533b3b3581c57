import { createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { makeCertificate } from '../ca/certificates.ts';
import { listen } from './listen.ts';

/**
 * An app that requires TLS. To a client without TLS it sends `words`, if any, and closes. Resolves
 * with its port.
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
  return await listen(t, server);
}
