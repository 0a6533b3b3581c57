/** A session of HAProxy: one connection or request in progress. */
export interface Session {
  /** Its address in HAProxy's memory, which a later session may reuse. */
  readonly id: string;
  /**
   * The client's address as in the kernel's table (see TcpTable), unless a PROXY header replaced
   * it.
   */
  readonly client: string;
  readonly backend: string;
}

/** Reads the reply to `show sess` (management.txt §9.3). Pure. */
export function readSessions(reply: string): Session[] {
  const lines = reply.matchAll(/^(0x[0-9a-f]+): proto=\S+ src=(\S+) fe=\S+ be=(\S+) /gm);
  return [...lines].map(([, id = '', client = '', backend = '']) => ({ id, client, backend }));
}

/**
 * Reads from the reply to `show sess <id>` how much a request has transferred: text that changes
 * with every byte, in either direction. Undefined for a session that has ended, for a tunnel (such
 * as a WebSocket), where HAProxy tells the app that the client has closed its side, and for a reply
 * that cannot be parsed. Pure.
 *
 * The counters in the list of `show sess` are not sufficient: `calls` does not change during a
 * download.
 */
export function readProgress(reply: string, { id, client }: Session): string | undefined {
  if (!reply.startsWith(`${id}: `) || !reply.includes(` source=${client}\n`)) return undefined;
  if (!/ rsp\.st=MSG_(?!TUNNEL)/.test(reply)) return undefined;
  // Counters of the channels up to 3.2, of the stream connectors in 3.4.
  const counters = [...reply.matchAll(/ (total|in|out)=\d+/g)];
  return counters.length === 0 ? undefined : counters.map(([counter]) => counter.trim()).join(' ');
}
