import { once } from 'node:events';
import type { ListenOptions, Server, Socket } from 'node:net';

/** A server that listens. Disposing of it closes it and cuts its connections. */
export interface OpenServer extends AsyncDisposable {
  /** 0 on a Unix socket. */
  readonly port: number;
}

/** Lets the server listen. Rejects when the address is taken. */
export async function openServer(server: Server, where: ListenOptions): Promise<OpenServer> {
  const connections = new Set<Socket>();
  server.on('connection', (connection: Socket) => {
    connections.add(connection);
    connection.on('error', () => connection.destroy());
    connection.on('close', () => connections.delete(connection));
  });
  server.listen(where);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}
