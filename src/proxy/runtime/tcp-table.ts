import { SocketAddress } from 'node:net'; // writes addresses, nothing else

/** What the kernel knows of the connections to one port. */
export interface TcpTable {
  /** Whether the port's listener is in it. Where it is not, the table is another's, or none. */
  readonly listening: boolean;
  /** By the address of the peer, as `192.0.2.1:443` or `2001:db8::1:443`. */
  readonly peers: ReadonlyMap<string, Peer>;
}

export interface Peer {
  /** Whether it has closed its side, and we have not. */
  readonly closed: boolean;
  /** Bytes that it has not confirmed yet. */
  readonly unacked: number;
}

/** Of the kernel's include/net/tcp_states.h, as proc(5) shows them. */
const STATE = { timeWait: '06', closeWait: '08', listen: '0A' } as const;

/** Reads the text of /proc/net/tcp and /proc/net/tcp6 (proc(5)), one after the other. Pure. */
export function readTcpTable(text: string, port: number): TcpTable {
  const peers = new Map<string, Peer>();
  let listening = false;
  for (const [, address = '', peerPort = '', state = '', queued = ''] of text.matchAll(rowsOf(port))) {
    if (state === STATE.listen) listening = true;
    // Nobody holds that one any more.
    if (state === STATE.listen || state === STATE.timeWait) continue;
    const peer = `${readAddress(address)}:${Number.parseInt(peerPort, 16)}`;
    const closed = state === STATE.closeWait && peers.get(peer)?.closed !== false;
    peers.set(peer, { closed, unacked: Number.parseInt(queued, 16) });
  }
  return { listening, peers };
}

function rowsOf(port: number): RegExp {
  const local = `[0-9A-F]+:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return new RegExp(`^ *\\d+: ${local} ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2}) ([0-9A-F]{8}):`, 'gm');
}

/** The kernel prints the words of an address as numbers of this machine, whose bytes are in the order of the network. */
function readAddress(hex: string): string {
  const words = Uint32Array.from(hex.match(/.{8}/g) ?? [], (word) => Number.parseInt(word, 16));
  const bytes = Buffer.from(words.buffer);
  if (bytes.length === 4) return bytes.join('.');
  const groups = bytes.toString('hex').match(/.{4}/g) ?? [];
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
