import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { startApp } from '../apps/tcp-app.ts';

/** The bytes that the server sent. */
export interface Tap {
  readonly port: number;
  readonly seen: Buffer;
  /** How the server ended the connection; undefined while it is open. */
  readonly end: 'FIN' | 'RST' | undefined;
}

/** A relay between one client and a server that forwards bytes in both directions. */
export async function startTap(t: TestContext, serverPort: number): Promise<Tap> {
  const chunks: Buffer[] = [];
  let end: Tap['end'];
  const port = await startApp(t, (client) => {
    const server = connect(serverPort, '127.0.0.1');
    server.on('data', (chunk: Buffer) => chunks.push(chunk));
    server.on('end', () => {
      end ??= 'FIN';
    });
    server.on('error', () => {
      end ??= 'RST';
      client.destroy();
    });
    server.pipe(client);
    client.pipe(server);
  });
  return {
    port,
    get seen() {
      return Buffer.concat(chunks);
    },
    get end() {
      return end;
    },
  };
}

const HEADER_BYTES = 5;

/** The content types of the TLS records in some bytes (RFC 8446 §5.1); 21 is an alert. */
export function recordTypes(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length; at += HEADER_BYTES + bytes.readUInt16BE(at + 3)) {
    types.push(bytes.readUInt8(at));
  }
  return types;
}
