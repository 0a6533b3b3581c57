import { type Clock, until } from '../../../../src/clock.ts';
import type { ZonePublisher, ZoneRecord } from '../../dns/publisher.ts';

export interface HttpPublisherOptions {
  /** The base URLs of the name servers' zone endpoints. */
  readonly servers: readonly string[];
  /** Milliseconds that a publication waits for an unreachable name server. Default: 5 s. */
  readonly patienceMs?: number;
  readonly clock: Clock;
  /** Ends all pending deliveries. */
  readonly signal?: AbortSignal;
}

const EVERY_MS = 100;
const ANSWER_MS = 5000;
const PATIENCE_MS = 5000;

type Content = readonly [zone: string, records: readonly ZoneRecord[]];
type Deliver = (content: Content) => Promise<void>;

/**
 * Publishes to name servers in other processes. An unreachable server is retried until it responds;
 * after `patienceMs` it counts as one with a lag: the publication resolves without it and reaches
 * it later, in the order of the calls.
 */
export function createHttpPublisher(options: HttpPublisherOptions): ZonePublisher {
  const { servers, patienceMs = PATIENCE_MS, clock, signal } = options;
  const deliveries = servers.map((server) => createDelivery(server, clock, signal));
  return {
    async publish(zone, records) {
      const inTime = deliveries.map(async (deliver) => {
        const patience = new AbortController();
        const waited = clock.wait(patienceMs, patience.signal).catch(() => undefined);
        await Promise.race([deliver([zone, records]), waited]).finally(() => patience.abort());
      });
      await Promise.all(inTime);
    },
  };
}

/** One server's queue. A refused delivery does not block the next one. */
function createDelivery(server: string, clock: Clock, signal?: AbortSignal): Deliver {
  let last: Promise<void> = Promise.resolve();
  return (content) => {
    const delivery = last.catch(() => undefined).then(() => deliver(server, content, clock, signal));
    // The publisher may have stopped waiting for an unreachable server before this rejects.
    delivery.catch(() => undefined);
    last = delivery;
    return delivery;
  };
}

async function deliver(server: string, content: Content, clock: Clock, signal?: AbortSignal): Promise<void> {
  const waiting = { clock, timeoutMs: Number.POSITIVE_INFINITY, everyMs: EVERY_MS };
  const refusal = await until(() => put(server, content), signal ? { ...waiting, signal } : waiting);
  if (refusal) throw new Error(`${server} refuses: ${refusal}`);
}

/** The server's error; empty if it accepted the content, undefined if there was no response. */
async function put(server: string, [zone, records]: Content): Promise<string | undefined> {
  try {
    const answer = await fetch(`${server}/zones/${zone}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(records),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = await answer.text();
    return answer.status === 204 ? '' : `${answer.status} ${text}`;
  } catch {
    return undefined;
  }
}
