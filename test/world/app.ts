import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';

/** `http` answers HTTP/1.1; `speaksFirst` greets every TCP connection at once and then echoes it. */
export type AppMode = 'http' | 'speaksFirst';

export interface AppOptions {
  readonly address?: string;
  readonly mode?: AppMode;
  /** Part of every answer, to tell two apps apart. */
  readonly name?: string;
}

/** What the user runs behind the ingress. */
export interface App extends AsyncDisposable {
  readonly address: string;
  /** The port it listens on, or listened on last. */
  readonly port: number;
  /** How many requests (`http`) or connections (`speaksFirst`) it has had. */
  readonly served: number;
  /** The headers of the last HTTP request. */
  readonly lastHeaders: Readonly<IncomingMessage['headers']>;
  /** Closes its port and cuts its connections. */
  stop(): Promise<void>;
  /** Listens again, on the last port or another; does nothing while it runs. */
  start(port?: number): Promise<void>;
}

/** What `speaksFirst` says before it is asked anything. */
export const GREETING = '220 the app speaks first\r\n';

const STREAM_INTERVAL_MS = 100;

/** The body that the app named `name` answers to `GET path`. */
export function appBody(name: string, path: string): string {
  return `${name} answers ${path}\n`;
}

/** Starts the app on a free port. `/stream` writes a line every 100 ms until the client leaves. */
export async function startApp(options: AppOptions = {}): Promise<App> {
  const { address = '127.0.0.1', mode = 'http', name = 'the app' } = options;
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let port = 0;
  let served = 0;
  let lastHeaders: IncomingMessage['headers'] = {};

  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    served += 1;
    lastHeaders = request.headers;
    respond(request, response, name);
  };
  const onConnection = (socket: Socket) => {
    served += 1;
    socket.write(GREETING);
    socket.pipe(socket);
  };
  const start = async (wanted = port) => {
    if (server) return;
    const starting: Server =
      mode === 'http' ? createHttpServer(onRequest) : createTcpServer({ allowHalfOpen: true }, onConnection);
    starting.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    });
    starting.listen(wanted, address);
    await once(starting, 'listening');
    const bound = starting.address();
    if (bound === null || typeof bound === 'string') throw new Error('a TCP server has an address and port');
    port = bound.port;
    server = starting;
  };
  const stop = async () => {
    if (!server) return;
    const closed = once(server, 'close');
    server.close();
    server = undefined;
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await start();
  return {
    address,
    get port() {
      return port;
    },
    get served() {
      return served;
    },
    get lastHeaders() {
      return lastHeaders;
    },
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function respond(request: IncomingMessage, response: ServerResponse, name: string): void {
  const path = request.url ?? '/';
  response.setHeader('Content-Type', 'text/plain');
  if (path !== '/stream') {
    response.end(appBody(name, path));
    return;
  }
  let line = 0;
  const write = () => {
    line += 1;
    response.write(`${name} streams line ${line}\n`);
  };
  write();
  const timer = setInterval(write, STREAM_INTERVAL_MS);
  response.on('close', () => clearInterval(timer));
}
