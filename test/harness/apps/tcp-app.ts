import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { listen } from './listen.ts';

/** An app that calls `serve` with each connection. Resolves with its port. */
export async function startApp(
  t: TestContext,
  serve: (socket: Socket) => void,
  where: { host?: string; port?: number } = {},
): Promise<number> {
  return await listen(t, createServer(serve), where);
}

/** Sends back what it receives. */
export const echo = (socket: Socket): void => {
  socket.pipe(socket);
};

/** Sends `text` before the client sends anything. */
export const greeter =
  (text: string) =>
  (socket: Socket): void => {
    socket.write(text);
  };
