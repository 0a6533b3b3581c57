/** Parses the clients' output. Pure. */

export interface Handshakes {
  readonly connections: number;
  readonly seconds: number;
  /** The number of resumed sessions. */
  readonly reused: number;
  readonly failed: number;
  /** The group of the key agreement, with OpenSSL's name. */
  readonly group: string;
  readonly cipher: string;
  /** Microseconds from connect() to the end of the handshake. */
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface Paced {
  readonly requests: number;
  readonly seconds: number;
  /** Requests that became due before the previous response arrived. */
  readonly delayed: number;
  /** Microseconds from the time when a request was due to the end of its response. */
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface Requests {
  readonly requests: number;
  readonly seconds: number;
  /** Bytes of complete responses, with their headers. */
  readonly bytes: number;
}

/** Throws if connections failed, or if not all of them resumed a session, or not, as expected. */
export function parseHandshakes(line: string, expected: 'full' | 'resumed'): Handshakes {
  const numbers = numbersOf(line, ['connections', 'seconds', 'reused', 'failed', 'p50Us', 'p99Us']);
  const words = wordsOf(line, ['group', 'cipher']);
  const { connections, reused, failed } = numbers;
  if (failed > 0) throw new Error(`${failed} of ${connections + failed} connections failed: ${line}`);
  if (connections === 0) throw new Error('no connection was completed');
  const wrong = expected === 'full' ? reused > 0 : reused < connections * 0.99;
  if (wrong)
    throw new Error(
      `${reused} of ${connections} sessions were resumed in a measurement of ${expected} handshakes`,
    );
  return { ...numbers, ...words };
}

export function parsePaced(line: string): Paced {
  return numbersOf(line, ['requests', 'seconds', 'delayed', 'p50Us', 'p99Us']);
}

const UNIT: Readonly<Record<string, number>> = {
  us: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  B: 1,
  KB: 2 ** 10,
  MB: 2 ** 20,
  GB: 2 ** 30,
};

/** wrk's `123 requests in 2.10s, 1.23MB read`. Throws if wrk counted errors. */
export function parseWrk(text: string): Requests {
  const errors = /Socket errors: .*|Non-2xx.*/.exec(text)?.[0];
  // wrk counts connections that it closes itself in this line, with zero errors.
  if (errors !== undefined && !/connect 0, read 0, write 0, timeout 0/.test(errors)) throw new Error(errors);
  const found = /(\d+) requests in ([\d.]+)(us|ms|s|m), ([\d.]+)(B|KB|MB|GB) read/.exec(text);
  if (!found) throw new Error(`wrk's output is not understood:\n${text}`);
  const [, requests, time, timeUnit = '', size, sizeUnit = ''] = found;
  return {
    requests: Number(requests),
    seconds: Number(time) * (UNIT[timeUnit] ?? Number.NaN),
    bytes: Number(size) * (UNIT[sizeUnit] ?? Number.NaN),
  };
}

function numbersOf<Key extends string>(line: string, keys: readonly Key[]): Record<Key, number> {
  return fieldsOf(line, keys, (value) => (typeof value === 'number' ? value : undefined));
}

function wordsOf<Key extends string>(line: string, keys: readonly Key[]): Record<Key, string> {
  return fieldsOf(line, keys, (value) => (typeof value === 'string' ? value : undefined));
}

function fieldsOf<Key extends string, Value>(
  line: string,
  keys: readonly Key[],
  read: (value: unknown) => Value | undefined,
): Record<Key, Value> {
  const all = new Map<string, unknown>(Object.entries(JSON.parse(line)));
  const entries = keys.map((key) => {
    const value = read(all.get(key));
    if (value === undefined) throw new Error(`${key} is missing: ${line}`);
    return [key, value];
  });
  return Object.fromEntries(entries); // The loop above set exactly these keys.
}
