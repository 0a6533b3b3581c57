import { type IncomingMessage, request as requestByHttp } from 'node:http';
import { request as requestByHttps } from 'node:https';

/** An answer carries the app's compose file and the event log of its start: some hundred kilobytes at the most. */
const LIMIT_BYTES = 8 * 1024 * 1024;
/** Letters of an answer that a message repeats. */
const QUOTED = 200;

/**
 * Calls the guest agent on its Unix socket, or at its URL, and resolves with the JSON of its answer. The SDK's own call cannot be
 * used: it measures letters where Content-Length counts octets, so that it waits for ever for the rest of an answer with one `ü`,
 * it knows no chunks and no status, and gives up after 30 seconds only.
 *
 * Rejects with what is wrong with the answer, with the transport's error, or with the signal's reason.
 */
export async function askAgent(endpoint: string, path: string, signal: AbortSignal): Promise<unknown> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const options = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    // One call needs no connection afterwards.
    agent: false,
    signal,
  };
  const asking = isUrl(endpoint)
    ? (endpoint.startsWith('https:') ? requestByHttps : requestByHttp)(new URL(path, endpoint), options)
    : requestByHttp({ ...options, socketPath: endpoint, path });
  asking.on('error', reject).on('response', resolve).end('{}');
  try {
    const response = await promise;
    const text = await readText(response);
    return parse(response.statusCode ?? 0, text);
  } catch (thrown) {
    signal.throwIfAborted();
    throw thrown;
  } finally {
    asking.destroy();
  }
}

/** Whether an endpoint is a URL, and no path. */
export function isUrl(endpoint: string): boolean {
  return /^https?:\/\//i.test(endpoint);
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response) {
      length += chunk.length;
      if (length > LIMIT_BYTES) throw new Error(`its answer is longer than ${LIMIT_BYTES} octets`);
      chunks.push(chunk);
    }
  } catch (thrown) {
    if (response.errored && !response.complete && length <= LIMIT_BYTES)
      throw new Error(`its answer broke off after ${length} octets`, { cause: thrown });
    throw thrown;
  }
  // Whole before it is decoded: the octets of one letter may come in two pieces.
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function parse(status: number, text: string): unknown {
  if (status !== 200) throw new Error(`it answers with status ${status}: ${quote(text)}`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`its answer is no JSON: ${quote(text)}`, { cause });
  }
}

function quote(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  if (line === '') return '(nothing)';
  return line.length > QUOTED ? `${line.slice(0, QUOTED)}…` : line;
}
