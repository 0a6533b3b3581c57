import { send } from '../net/http.ts';

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

/** Whether an endpoint is a URL, and no path. */
export function isUrl(endpoint: string): boolean {
  return /^https?:\/\//i.test(endpoint);
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
