/** A connection or request that is under way in HAProxy. */
export interface Session {
  /** Its place in HAProxy's memory, which a later one may have. */
  readonly id: string;
  /** As the kernel knows the client (see KernelTable), unless a PROXY header said something else. */
  readonly client: string;
  readonly backend: string;
}

/** Reads the reply to `show sess` (management.txt §9.3). Pure. */
export function readSessions(reply: string): Session[] {
  const lines = reply.matchAll(/^(0x[0-9a-f]+): proto=\S+ src=(\S+) fe=\S+ be=(\S+) /gm);
  return [...lines].map(([, id = '', client = '', backend = '']) => ({ id, client, backend }));
}

/**
 * What a request has moved, from the reply to `show sess <id>`: text that changes with every byte, in either direction. Undefined
 * for what has ended, for a tunnel (an upgraded connection, a WebSocket), whose app is told by HAProxy that the client has closed its
 * side, and for what this cannot read. Pure.
 *
 * The numbers that are in the short list do not do: `calls` stands still while a download goes through.
 */
export function readProgress(reply: string, { id, client }: Session): string | undefined {
  if (!reply.startsWith(`${id}: `) || !reply.includes(` source=${client}\n`)) return undefined;
  if (!/ rsp\.st=MSG_(?!TUNNEL)/.test(reply)) return undefined;
  // Of the channels until 3.2, of the stream connectors in 3.4.
  const counts = [...reply.matchAll(/ (total|in|out)=\d+/g)];
  return counts.length === 0 ? undefined : counts.map(([count]) => count.trim()).join(' ');
}
