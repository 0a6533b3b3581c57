import { once } from 'node:events';
import { request } from 'node:https';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const RETRY_MS = 10;

/**
 * Sends an unsigned request to Pebble and returns the body of a 200 response: POST with a body, GET
 * without. Pebble refuses requests without a User-Agent, which Node's client does not send by
 * default.
 */
export async function askPebble(
  url: string,
  ca: string,
  { body, signal }: { readonly body?: string; readonly signal?: AbortSignal } = {},
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const method = body === undefined ? 'GET' : 'POST';
  const headers = { 'User-Agent': 'dstack-ingress-test' };
  const options = { method, ca, headers, agent: false, ...(signal && { signal }) };
  const sent = request(url, options, async (response) => {
    const text = (await response.setEncoding('utf8').toArray()).join('');
    if (response.statusCode === 200) resolve(text);
    else reject(new Error(`${method} ${url}: ${response.statusCode} ${text}`));
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}

/**
 * Resolves once the port accepts connections. Rejects with the last error when the time is over.
 */
export async function untilListening(address: string, port: number, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const socket = connect(port, address);
    try {
      await once(socket, 'connect');
      return;
    } catch (refusal) {
      if (Date.now() >= deadline) throw refusal;
      await sleep(RETRY_MS);
    } finally {
      socket.destroy();
    }
  }
}
