const RECORD_HEADER = 5;
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME_EXTENSION = 0;

/**
 * The server name (RFC 6066 §3) of a ClientHello: `undefined` while bytes are missing, `null` if it
 * has none. Throws if the bytes are not a TLS handshake.
 */
export function serverNameOf(bytes: Buffer): string | null | undefined {
  const handshake = handshakeBytes(bytes);
  if (handshake.length < 4) return undefined;
  if (handshake[0] !== CLIENT_HELLO) throw new Error('the first handshake message is not a ClientHello');
  const length = handshake.readUIntBE(1, 3);
  if (handshake.length < 4 + length) return undefined;
  const hello = new Reader(handshake.subarray(4, 4 + length));
  hello.take(2 + 32); // version and random
  hello.vector(1); // session id
  hello.vector(2); // cipher suites
  hello.vector(1); // compression methods
  const extensions = hello.vector(2);
  while (!extensions.isEmpty) {
    const type = extensions.number(2);
    const body = extensions.vector(2);
    if (type === SERVER_NAME_EXTENSION) return hostNameOf(body.vector(2));
  }
  return null;
}

function hostNameOf(names: Reader): string | null {
  while (!names.isEmpty) {
    const type = names.number(1);
    const name = names.vector(2);
    if (type === 0) return name.rest().toString('latin1').toLowerCase();
  }
  return null;
}

/**
 * The handshake bytes of the records received so far; one message may span several records (RFC
 * 8446 §5.1).
 */
function handshakeBytes(bytes: Buffer): Buffer {
  const fragments: Buffer[] = [];
  for (let at = 0; at + RECORD_HEADER <= bytes.length; ) {
    if (bytes[at] !== HANDSHAKE_RECORD) throw new Error('not a TLS handshake');
    const end = at + RECORD_HEADER + bytes.readUInt16BE(at + 3);
    fragments.push(bytes.subarray(at + RECORD_HEADER, end));
    at = end;
  }
  return Buffer.concat(fragments);
}

/**
 * Reads TLS presentation language (RFC 8446 §3): numbers, and vectors with a length prefix. Throws
 * past the end.
 */
class Reader {
  #left: Buffer;

  constructor(bytes: Buffer) {
    this.#left = bytes;
  }

  get isEmpty(): boolean {
    return this.#left.length === 0;
  }

  take(length: number): Buffer {
    if (this.#left.length < length) throw new Error('the ClientHello is truncated');
    const taken = this.#left.subarray(0, length);
    this.#left = this.#left.subarray(length);
    return taken;
  }

  number(octets: 1 | 2): number {
    return this.take(octets).readUIntBE(0, octets);
  }

  vector(lengthOctets: 1 | 2): Reader {
    return new Reader(this.take(this.number(lengthOctets)));
  }

  rest(): Buffer {
    return this.take(this.#left.length);
  }
}
