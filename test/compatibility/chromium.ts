import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { startChild } from '../world/child.ts';

const READY_MS = 30_000;
const LISTENING = /^DevTools listening on ws:\/\/([\d.:]+)\//;

/** A page in a headless Chromium, controlled through the DevTools protocol. */
export interface Page {
  /** The major version, from its user agent. */
  readonly version: string;
  /** Resolves once the page has loaded. */
  open(url: string): Promise<void>;
  /**
   * Runs a script, the body of an async function, in the page. Resolves with its result; rejects
   * with its exception.
   */
  run<Result>(script: string): Promise<Result>;
}

/** A Chromium for one test. Every name resolves to 127.0.0.1, and one certificate is trusted. */
export async function startChromium(t: TestContext, trusted: { readonly chainPem: string }): Promise<Page> {
  const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
  afterTest(t, () => rm(profile, { recursive: true, force: true, maxRetries: 10 }));
  const chromium = await startChild('chromium', {
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--no-proxy-server'],
      ...['--remote-debugging-port=0', `--user-data-dir=${profile}`],
      '--host-resolver-rules=MAP * 127.0.0.1',
      `--ignore-certificate-errors-spki-list=${spki(trusted.chainPem)}`,
      'about:blank',
    ],
    env: { HOME: profile },
  });
  afterTest(t, () => chromium.end('SIGTERM', 5_000));
  await chromium.seen(LISTENING, READY_MS);
  const [, authority = ''] = chromium.lines.map((line) => LISTENING.exec(line)).find(Boolean) ?? [];
  const wire = await openWire(t, authority);
  const { userAgent } = await wire.send<{ userAgent: string }>('Browser.getVersion');
  await wire.send('Page.enable');
  return {
    version: /Chrome\/(\d+)/.exec(userAgent)?.[1] ?? userAgent,
    open: async (url) => {
      const loaded = wire.next('Page.loadEventFired');
      const { errorText } = await wire.send<{ errorText?: string }>('Page.navigate', { url });
      if (errorText) throw new Error(`${url}: ${errorText}`);
      await loaded;
    },
    run: async (script) => {
      const { result, exceptionDetails } = await wire.send<Evaluated>('Runtime.evaluate', {
        ...{ expression: `(async () => { ${script} })()`, awaitPromise: true, returnByValue: true },
      });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      // Only the script knows what it returns.
      return result.value as never;
    },
  };
}

interface Evaluated {
  readonly result: { readonly value: unknown };
  readonly exceptionDetails?: {
    readonly text: string;
    readonly exception?: { readonly description?: string };
  };
}

/** The DevTools protocol of the first page. */
interface Wire {
  send<Result>(method: string, params?: object): Promise<Result>;
  /** The next event of this kind. */
  next(event: string): Promise<void>;
}

async function openWire(t: TestContext, authority: string): Promise<Wire> {
  const listed = await fetch(`http://${authority}/json/list`);
  // The format of the DevTools protocol.
  const targets = (await listed.json()) as { type: string; webSocketDebuggerUrl: string }[];
  const url = targets.find(({ type }) => type === 'page')?.webSocketDebuggerUrl;
  if (url === undefined) throw new Error('Chromium has no page');
  const socket = new WebSocket(url);
  afterTest(t, () => socket.close());
  const calls = new Map<number, PromiseWithResolvers<never>>();
  const events = new Map<string, PromiseWithResolvers<void>>();
  socket.addEventListener('message', ({ data }) => {
    const { id, method, result, error } = JSON.parse(String(data));
    events.get(method)?.resolve();
    if (error) calls.get(id)?.reject(new Error(JSON.stringify(error)));
    else calls.get(id)?.resolve(result as never); // The caller of `send` knows the type.
  });
  const opened = Promise.withResolvers<void>();
  socket.addEventListener('open', () => opened.resolve());
  socket.addEventListener('error', () => opened.reject(new Error(`no connection to ${url}`)));
  await opened.promise;
  return {
    send: (method, params = {}) => {
      const call = Promise.withResolvers<never>();
      const id = calls.size + 1;
      calls.set(id, call);
      socket.send(JSON.stringify({ id, method, params }));
      return call.promise;
    },
    next: (event) => {
      const waiting = Promise.withResolvers<void>();
      events.set(event, waiting);
      return waiting.promise;
    },
  };
}

/** The SHA-256 of its public key in base64, in the format of Chromium's option. */
function spki(chainPem: string): string {
  const { publicKey } = new X509Certificate(chainPem);
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
}
