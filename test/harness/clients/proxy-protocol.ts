import { isIPv6 } from 'node:net';

/** The client's address in a PROXY header. */
export interface Source {
  readonly address: string;
  readonly port: number;
}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED_BYTES = 16;
const PROXY = 0x21;
const LOCAL = 0x20;
const OVER_TCP = { 4: 0x11, 6: 0x21 } as const;
/** The destination address in the headers of tests. */
const OURS = { 4: '192.0.2.1', 6: '2001:db8::1' } as const;
const OUR_PORT = 443;

/** A PROXY header with the client's address. */
export function headerOf(version: 'v1' | 'v2', { address, port }: Source): Buffer {
  const family = isIPv6(address) ? 6 : 4;
  if (version === 'v1') {
    return Buffer.from(`PROXY TCP${family} ${address} ${OURS[family]} ${port} ${OUR_PORT}\r\n`);
  }
  const ports = [port >> 8, port & 0xff, OUR_PORT >> 8, OUR_PORT & 0xff];
  const ends = [...bytesOf(address), ...bytesOf(OURS[family]), ...ports];
  return Buffer.from([...SIGNATURE, PROXY, OVER_TCP[family], 0, ends.length, ...ends]);
}

/** Headers of a sender that has no client, as in health checks: the client is the peer itself. */
export const localHeaders: Readonly<Record<string, Buffer>> = {
  'v1 UNKNOWN': Buffer.from('PROXY UNKNOWN\r\n'),
  'v2 LOCAL': Buffer.from([...SIGNATURE, LOCAL, 0, 0, 0]),
};

/**
 * The client's address in the first bytes of a connection; undefined while they are not a complete
 * header. Throws if they are not a header.
 */
export function readHeader(bytes: Buffer): { source: Source; rest: Buffer } | undefined {
  if (bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return readBinary(bytes);
  const end = bytes.indexOf('\r\n');
  if (end < 0 || bytes.length < SIGNATURE.length) return undefined;
  const [word, , address = '', , port] = bytes.toString('latin1', 0, end).split(' ');
  if (word !== 'PROXY')
    throw new Error(`no PROXY header: ${JSON.stringify(bytes.toString('latin1', 0, 40))}`);
  return { source: { address, port: Number(port) }, rest: bytes.subarray(end + 2) };
}

function readBinary(bytes: Buffer): { source: Source; rest: Buffer } | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const end = FIXED_BYTES + bytes.readUInt16BE(14);
  if (bytes.length < end) return undefined;
  const size = bytes.readUInt8(13) === OVER_TCP[4] ? 4 : 16;
  const address = bytes.subarray(FIXED_BYTES, FIXED_BYTES + size);
  const port = bytes.readUInt16BE(FIXED_BYTES + 2 * size);
  return { source: { address: textOf(address), port }, rest: bytes.subarray(end) };
}

function bytesOf(address: string): number[] {
  if (!isIPv6(address)) return address.split('.').map(Number);
  const [left = '', right] = address.split('::').map((half) => half.split(':').filter((word) => word !== ''));
  const tail = right ?? [];
  const zeros = Array.from({ length: 8 - left.length - tail.length }, () => '0');
  return [...left, ...zeros, ...tail].flatMap((word) => [
    Number.parseInt(word, 16) >> 8,
    Number.parseInt(word, 16) & 0xff,
  ]);
}

/** The shortest text form, as in URLs. */
function textOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = bytes.toString('hex').match(/.{4}/g) ?? [];
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1);
}
