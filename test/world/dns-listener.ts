import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createTcpSplitter, withLength } from './dns-client.ts';

export type Transport = 'udp' | 'tcp';

/** Answers one message, or says nothing by giving undefined or rejecting. */
export type Answerer = (message: Buffer, transport: Transport) => Promise<Buffer | undefined>;

/** Port 53 of one address, UDP and TCP. Disposing of it closes it. */
export interface DnsListener extends AsyncDisposable {
  /** Closes the port, which then refuses; connections are cut. */
  close(): Promise<void>;
  /** Opens it again; does nothing while it is open. */
  open(): Promise<void>;
}

/** Listens on port 53 of the address. Rejects when it cannot be bound. */
export async function listenDns(address: string, answer: Answerer): Promise<DnsListener> {
  let sockets: { udp: UdpSocket; tcp: Server; connections: Set<Socket> } | undefined;
  const open = async () => {
    if (sockets) return;
    const connections = new Set<Socket>();
    const udp = await openUdp(address, answer);
    try {
      sockets = { udp, tcp: await openTcp(address, answer, connections), connections };
    } catch (thrown) {
      udp.close();
      throw thrown;
    }
  };
  const close = async () => {
    if (!sockets) return;
    const { udp, tcp, connections } = sockets;
    sockets = undefined;
    const closed = Promise.all([once(udp, 'close'), once(tcp, 'close')]);
    udp.close();
    tcp.close();
    for (const connection of connections) connection.destroy();
    await closed;
  };
  await open();
  return { open, close, [Symbol.asyncDispose]: close };
}

async function openUdp(address: string, answer: Answerer): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  let isOpen = true;
  socket.on('close', () => {
    isOpen = false;
  });
  socket.on('message', async (message, { address: client, port }) => {
    const reply = await answer(message, 'udp').catch(() => undefined);
    if (reply && isOpen) socket.send(reply, port, client);
  });
  socket.bind(53, address);
  await once(socket, 'listening');
  return socket;
}

async function openTcp(address: string, answer: Answerer, connections: Set<Socket>): Promise<Server> {
  const server = createServer((connection) => {
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
    connection.on('error', () => connection.destroy());
    serve(connection, answer);
  });
  server.listen(53, address);
  await once(server, 'listening');
  return server;
}

function serve(connection: Socket, answer: Answerer): void {
  const split = createTcpSplitter();
  connection.on('data', async (piece: Buffer) => {
    for (const message of split(piece)) {
      const reply = await answer(message, 'tcp').catch(() => undefined);
      if (reply && connection.writable) connection.write(withLength(reply));
    }
  });
}
