import { once } from 'node:events';
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2';
import type { TestContext } from 'node:test';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { afterTest } from '../after-test.ts';
import { openTls } from './tls.ts';

export interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A client that sends its requests in sequence over one connection. */
export interface Client {
  readonly socket: TLSSocket;
  /** Rejects if the connection ends before the response is complete. */
  get(path: string, headers?: OutgoingHttpHeaders): Promise<Answer>;
}

/** An HTTP/1.1 client of the proxy after its handshake. */
export async function openHttp1(
  t: TestContext,
  port: number,
  servername: string,
  options: ConnectionOptions = {},
): Promise<Client> {
  const socket = await openTls(t, port, servername, { ALPNProtocols: ['http/1.1'], ...options });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => socket;
  afterTest(t, () => agent.destroy());
  const get = (path: string, headers: OutgoingHttpHeaders = {}) => {
    if (socket.destroyed) throw new Error('the connection is closed');
    return send({ agent, path, headers: { host: servername, ...headers } });
  };
  return { socket, get };
}

async function send(options: RequestOptions): Promise<Answer> {
  const asked = request(options).end();
  // The types of events do not include their arguments.
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.setEncoding('utf8');
  const body = (await answer.toArray()).join('');
  return { status: answer.statusCode, headers: answer.headers, body };
}

export interface Http2Client extends Client {
  readonly session: ClientHttp2Session;
}

/** An HTTP/2 client of the proxy after its handshake. */
export async function openHttp2(
  t: TestContext,
  port: number,
  servername: string,
  options: ConnectionOptions = {},
): Promise<Http2Client> {
  const socket = await openTls(t, port, servername, { ALPNProtocols: ['h2'], ...options });
  const session = connect(`https://${servername}`, { createConnection: () => socket });
  session.on('error', () => undefined);
  afterTest(t, () => session.destroy());
  return { socket, session, get: (path, headers) => askHttp2(session, { ':path': path, ...headers }) };
}

async function askHttp2(session: ClientHttp2Session, headers: OutgoingHttpHeaders): Promise<Answer> {
  const stream = session.request(headers, { endStream: true });
  stream.setEncoding('utf8');
  const [answer] = await once(stream, 'response');
  const { ':status': status, ...others } = answer;
  const body = (await stream.toArray()).join('');
  return { status, headers: others, body };
}
