import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server } from 'node:net';
import { type OpenServer, openServer } from '../open-server.ts';

/** `http` serves HTTP/1.1; `speaksFirst` greets every TCP connection at once and then echoes. */
export type AppMode = 'http' | 'speaksFirst';

export interface AppOptions {
  readonly address?: string;
  /** Default: a free port. */
  readonly port?: number;
  readonly mode?: AppMode;
  /** Part of every response, to tell two apps apart. */
  readonly name?: string;
}

/** The user's app behind the ingress. */
export interface App extends AsyncDisposable {
  readonly address: string;
  /** The port that it listens on, or last listened on. */
  readonly port: number;
  /** The number of requests (`http`) or connections (`speaksFirst`) so far. */
  readonly served: number;
  /** The headers of the last HTTP request. */
  readonly lastHeaders: Readonly<IncomingMessage['headers']>;
  /** Closes its port and cuts its connections. */
  stop(): Promise<void>;
  /** Listens again, on the last port or another; does nothing if it is running. */
  start(port?: number): Promise<void>;
}

/** What `speaksFirst` sends before the client sends anything. */
export const GREETING = '220 the app speaks first\r\n';

const STREAM_INTERVAL_MS = 100;

/** The body of the response of the app `name` to `GET path`. */
export function appBody(name: string, path: string): string {
  return `${name} answers ${path}\n`;
}

/** Starts the app. `/stream` sends a line every 100 ms until the client disconnects. */
export async function startApp(options: AppOptions = {}): Promise<App> {
  const app = new RunningApp(options);
  await app.start();
  return app;
}

class RunningApp implements App {
  readonly address: string;
  port: number;
  served = 0;
  lastHeaders: IncomingMessage['headers'] = {};
  readonly #mode: AppMode;
  readonly #name: string;
  #open: OpenServer | undefined;

  constructor({ address = '127.0.0.1', port = 0, mode = 'http', name = 'the app' }: AppOptions) {
    this.port = port;
    this.address = address;
    this.#mode = mode;
    this.#name = name;
  }

  async start(port = this.port): Promise<void> {
    if (this.#open) return;
    this.#open = await openServer(this.#server(), { host: this.address, port });
    this.port = this.#open.port;
  }

  async stop(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #server(): Server {
    if (this.#mode === 'http') {
      return createHttpServer((request, response) => {
        this.served += 1;
        this.lastHeaders = request.headers;
        respond(request, response, this.#name);
      });
    }
    return createTcpServer({ allowHalfOpen: true }, (socket) => {
      this.served += 1;
      socket.write(GREETING);
      socket.pipe(socket);
    });
  }
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
