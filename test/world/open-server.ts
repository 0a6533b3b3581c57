import { once } from 'node:events';
import type { ListenOptions, Server, Socket } from 'node:net';

/** A listening server. Disposal closes it and cuts its connections. */
export interface OpenServer extends AsyncDisposable {
  /** 0 for a Unix socket. */
  readonly port: number;
}

/** Starts the server. Rejects if the address is in use. */
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
