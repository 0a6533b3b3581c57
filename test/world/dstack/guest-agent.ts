import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { join } from 'node:path';
import { openServer } from '../open-server.ts';

export interface GuestAgentOptions {
  /** The directory of its sockets. */
  readonly directory: string;
  /** 40 hex digits. */
  readonly appId?: string;
  /** 40 hex digits. */
  readonly instanceId?: string;
  readonly appName?: string;
  /**
   * The app's compose file, as returned by `Info`. Non-ASCII letters are for clients other than the
   * SDK, which miscounts them.
   */
  readonly compose?: string;
}

/** One call to the agent. */
export interface AgentCall {
  readonly path: string;
  readonly status: number;
}

/**
 * The dstack guest agent of the world's CVM, on its documented socket and on the older tappd
 * socket.
 */
export interface GuestAgent extends AsyncDisposable {
  readonly appId: string;
  readonly instanceId: string;
  /** The path of dstack.sock, for DSTACK_SIMULATOR_ENDPOINT. */
  readonly socket: string;
  /** The path of the older tappd.sock. */
  readonly tappdSocket: string;
  readonly calls: readonly AgentCall[];
  /**
   * Returns the quote in hex for 64 bytes of report data. Can be replaced; the default is empty, as
   * without TDX.
   */
  quote: (reportData: Buffer) => string;
  /** Paths that respond 500 with a JSON error, for example `/GetQuote`. */
  readonly failing: Set<string>;
  /** Closes both sockets and removes their files. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A response other than 200. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

type Body = Readonly<Record<string, unknown>>;
type Method = (body: Body) => object;
type Methods = Readonly<Record<string, Method>>;

const REPORT_DATA_BYTES = 64;

/** Starts the agent. */
export async function startGuestAgent(options: GuestAgentOptions): Promise<GuestAgent> {
  const agent = new RunningAgent(options);
  await agent.start();
  return agent;
}

class RunningAgent implements GuestAgent {
  readonly appId: string;
  readonly instanceId: string;
  readonly socket: string;
  readonly tappdSocket: string;
  readonly calls: AgentCall[] = [];
  readonly failing = new Set<string>();
  quote: GuestAgent['quote'] = () => '';
  readonly #info: object;
  #open: AsyncDisposableStack | undefined;

  constructor({ directory, appId, instanceId, appName = 'world', compose = '' }: GuestAgentOptions) {
    this.appId = appId ?? randomBytes(20).toString('hex');
    this.instanceId = instanceId ?? randomBytes(20).toString('hex');
    this.socket = join(directory, 'dstack.sock');
    this.tappdSocket = join(directory, 'tappd.sock');
    this.#info = describeApp(this.appId, this.instanceId, appName, compose);
  }

  async start(): Promise<void> {
    if (this.#open) return;
    await using stack = new AsyncDisposableStack();
    stack.use(await openServer(this.#server(this.#dstackMethods()), { path: this.socket }));
    stack.use(await openServer(this.#server(this.#tappdMethods()), { path: this.tappdSocket }));
    this.#open = stack.move();
  }

  async stop(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.disposeAsync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #dstackMethods(): Methods {
    return {
      '/Info': () => this.#info,
      '/GetQuote': (body) => this.#quoteFor(body),
      '/GetKey': ({ path = '' }) => derivedKey(this.appId, String(path)),
      '/Version': () => ({ version: '0.5.7', rev: 'world' }),
    };
  }

  #tappdMethods(): Methods {
    return {
      '/prpc/Tappd.Info': () => this.#info,
      '/prpc/Tappd.TdxQuote': (body) => {
        if (body['hash_algorithm'] === 'raw') return this.#quoteFor(body);
        throw new Refusal(400, 'this agent supports only hash_algorithm raw');
      },
    };
  }

  #quoteFor({ report_data: hex = '' }: Body): object {
    const reportData = paddedReportData(hex);
    return {
      quote: this.quote(reportData),
      event_log: '[]',
      report_data: reportData.toString('hex'),
      vm_config: '{}',
    };
  }

  #server(methods: Methods): Server {
    return createServer(async (request, response) => {
      const path = request.url ?? '';
      const { status, body } = await answer(request, methods[path], this.failing.has(path));
      this.calls.push({ path, status });
      const text = JSON.stringify(body);
      // The SDK reads the body by its length and does not support chunks.
      const length = Buffer.byteLength(text);
      response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': length }).end(text);
    });
  }
}

async function answer(
  request: IncomingMessage,
  method: Method | undefined,
  fails: boolean,
): Promise<{ status: number; body: object }> {
  try {
    const text = (await request.setEncoding('utf8').toArray()).join('');
    if (!method) throw new Refusal(404, `Service not found: ${request.url}`);
    if (fails) throw new Refusal(500, 'the test requested this failure');
    return { status: 200, body: method(parseBody(text)) };
  } catch (thrown) {
    const status = thrown instanceof Refusal ? thrown.status : 500;
    return { status, body: { error: thrown instanceof Error ? thrown.message : String(thrown) } };
  }
}

function parseBody(text: string): Body {
  try {
    const value: unknown = JSON.parse(text || '{}');
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // The check below reports it, like a body of another shape.
  }
  throw new Refusal(400, 'the body is not a JSON object');
}

function paddedReportData(hex: unknown): Buffer {
  if (typeof hex !== 'string' || !/^([0-9a-fA-F]{2})*$/.test(hex)) {
    throw new Refusal(400, 'report_data is not hex');
  }
  const bytes = Buffer.from(hex, 'hex');
  if (bytes.length > REPORT_DATA_BYTES) throw new Refusal(400, 'report_data is longer than 64 bytes');
  return Buffer.concat([bytes], REPORT_DATA_BYTES);
}

/**
 * The same key for every instance of the app, as with a KMS; it depends only on the app and the
 * path.
 */
function derivedKey(appId: string, path: string): { key: string; signature_chain: string[] } {
  const bytes = (label: string) => createHmac('sha512', appId).update(`${label}:${path}`).digest();
  const key = bytes('key').subarray(0, 32);
  const signatures = ['app', 'kms'].map((label) => Buffer.concat([bytes(label), Buffer.of(0)]));
  return {
    key: key.toString('hex'),
    signature_chain: signatures.map((signature) => signature.toString('hex')),
  };
}

function describeApp(appId: string, instanceId: string, appName: string, composeFile: string): object {
  const digest = (text: string) => createHash('sha256').update(text).digest('hex');
  const compose = JSON.stringify({
    ...{ manifest_version: 2, name: appName, runner: 'docker-compose' },
    docker_compose_file: composeFile,
  });
  const register = '0'.repeat(96);
  const tcbInfo = {
    mrtd: register,
    rtmr0: register,
    rtmr1: register,
    rtmr2: register,
    rtmr3: register,
    mr_aggregated: '0'.repeat(64),
    os_image_hash: digest('os image'),
    compose_hash: digest(compose),
    device_id: digest('device'),
    app_compose: compose,
    event_log: [],
  };
  return {
    app_id: appId,
    instance_id: instanceId,
    app_cert: '',
    tcb_info: JSON.stringify(tcbInfo),
    app_name: appName,
    device_id: tcbInfo.device_id,
    mr_aggregated: tcbInfo.mr_aggregated,
    os_image_hash: tcbInfo.os_image_hash,
    key_provider_info: '{"name":"kms","id":""}',
    compose_hash: tcbInfo.compose_hash,
    vm_config: '{}',
  };
}
