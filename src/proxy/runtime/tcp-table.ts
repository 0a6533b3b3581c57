import { SocketAddress } from 'node:net'; // formats addresses, nothing else

/** The kernel's TCP connections of one local port. */
export interface TcpTable {
  /**
   * Whether the table contains the port's listener. If not, it is the table of another network
   * namespace, or empty.
   */
  readonly listening: boolean;
  /** By the peer's address: `192.0.2.1:443` or `2001:db8::1:443`. */
  readonly peers: ReadonlyMap<string, Peer>;
}

/** The other end of a connection. */
export interface Peer {
  /** Whether the peer has closed its side and we have not (CLOSE_WAIT). */
  readonly closed: boolean;
  /** Bytes that the peer has not acknowledged. */
  readonly unacked: number;
}

/** States of include/net/tcp_states.h, as proc(5) shows them. */
const STATE = { timeWait: '06', closeWait: '08', listen: '0A' } as const;

/** Reads the text of /proc/net/tcp followed by that of /proc/net/tcp6 (proc(5)). Pure. */
export function readTcpTable(text: string, port: number): TcpTable {
  const peers = new Map<string, Peer>();
  let listening = false;
  for (const [, address = '', peerPort = '', state = '', unacked = ''] of text.matchAll(rowsOf(port))) {
    if (state === STATE.listen) listening = true;
    // No process has a TIME_WAIT connection open any more.
    if (state === STATE.listen || state === STATE.timeWait) continue;
    const peer = `${readAddress(address)}:${Number.parseInt(peerPort, 16)}`;
    const closed = state === STATE.closeWait && peers.get(peer)?.closed !== false;
    peers.set(peer, { closed, unacked: Number.parseInt(unacked, 16) });
  }
  return { listening, peers };
}

function rowsOf(port: number): RegExp {
  const local = `[0-9A-F]+:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return new RegExp(`^ *\\d+: ${local} ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2}) ([0-9A-F]{8}):`, 'gm');
}

/**
 * The kernel prints each 32-bit word of an address, whose bytes are in network order, as a number
 * in host order.
 */
function readAddress(hex: string): string {
  const words = Uint32Array.from(hex.match(/.{8}/g) ?? [], (word) => Number.parseInt(word, 16));
  const bytes = Buffer.from(words.buffer);
  if (bytes.length === 4) return bytes.join('.');
  const groups = bytes.toString('hex').match(/.{4}/g) ?? [];
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
