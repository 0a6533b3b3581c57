import { send } from '../net/http.ts';

/**
 * An answer contains the app's compose file and the event log of its start: a few hundred kilobytes
 * at most.
 */
const LIMIT_BYTES = 8 * 1024 * 1024;
/** Characters of an answer that a message quotes. */
const QUOTED = 200;

/**
 * Calls the guest agent at its Unix socket or URL, and resolves with the JSON of its answer. The
 * SDK's own call is not used: it compares characters with Content-Length, which counts octets, and
 * so waits forever for the rest of an answer with one `ü`; it ignores chunked encoding and the
 * status; and its timeout is 30 seconds.
 *
 * Rejects with an error about the answer, with the transport's error, or with the signal's reason.
 */
export async function askAgent(endpoint: string, path: string, signal: AbortSignal): Promise<unknown> {
  const { status, text } = await send({
    method: 'POST',
    ...(isUrl(endpoint)
      ? { url: new URL(path, endpoint) }
      : { url: `http://localhost${path}`, socketPath: endpoint }),
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: '{}',
    maxBytes: LIMIT_BYTES,
    signal,
  });
  return parse(status, text);
}

/** Whether an endpoint is a URL rather than a path. */
export function isUrl(endpoint: string): boolean {
  return /^https?:\/\//i.test(endpoint);
}

function parse(status: number, text: string): unknown {
  if (status !== 200) throw new Error(`it answered with status ${status}: ${quote(text)}`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`its answer is not JSON: ${quote(text)}`, { cause });
  }
}

function quote(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  if (line === '') return '(nothing)';
  return line.length > QUOTED ? `${line.slice(0, QUOTED)}…` : line;
}
