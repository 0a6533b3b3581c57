import type { TsigKey } from './bind-config.ts';
import type { Endpoint } from './dns-client.ts';

/** A zone of a primary, and its access rules. */
export interface KeyedZone {
  /** Without a trailing dot. */
  readonly name: string;
  /** The names of the keys that may transfer it. */
  readonly readers: readonly string[];
  /** The names of the keys that may update it. */
  readonly writers: readonly string[];
}

export interface PrimaryServerOptions {
  /** The directory of its configuration and zones; created by the server. */
  readonly directory: string;
  readonly zones: readonly KeyedZone[];
  readonly keys: readonly TsigKey[];
}

/** A running name server on a port of 127.0.0.1 that accepts updates signed with a key. */
export interface PrimaryServer extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** Its log so far. */
  readonly lines: readonly string[];
  /** Serves another zone and adds the keys for it. */
  addZone(zone: KeyedZone, keys: readonly TsigKey[]): Promise<void>;
}

/** Starts one kind of name server. Resolves once it serves its zones. */
export type StartPrimaryServer = (options: PrimaryServerOptions) => Promise<PrimaryServer>;

const ATTEMPTS = 5;

/**
 * Retries on another port if the chosen one has been taken; `start` then rejects with the
 * server's log.
 */
export async function onFreePort<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (thrown) {
      if (attempt === ATTEMPTS || !/address (?:already )?in use/i.test(String(thrown))) throw thrown;
    }
  }
}
