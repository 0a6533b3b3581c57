import type { TsigKey } from './bind-config.ts';
import type { Endpoint } from './dns-client.ts';

/** A zone of a primary, and who may do what with it. */
export interface KeyedZone {
  /** Without trailing dot. */
  readonly name: string;
  /** The names of the keys that may transfer it. */
  readonly readers: readonly string[];
  /** The names of the keys that may update it. */
  readonly writers: readonly string[];
}

export interface PrimaryServerOptions {
  /** Where its configuration and zones are put; made by it. */
  readonly directory: string;
  readonly zones: readonly KeyedZone[];
  readonly keys: readonly TsigKey[];
}

/** A running name server on a port of 127.0.0.1 that takes updates by key. */
export interface PrimaryServer extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** What it has logged so far. */
  readonly lines: readonly string[];
  /** Serves one zone more, and knows the keys that go with it. */
  addZone(zone: KeyedZone, keys: readonly TsigKey[]): Promise<void>;
}

/** Starts one name server software; resolves when it serves its zones. */
export type StartPrimaryServer = (options: PrimaryServerOptions) => Promise<PrimaryServer>;

const ATTEMPTS = 5;

/** Starts again on another port as long as the one that was free is taken meanwhile; `start` rejects then with what it has logged. */
export async function onFreePort<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (thrown) {
      if (attempt === ATTEMPTS || !/address (?:already )?in use/i.test(String(thrown))) throw thrown;
    }
  }
}
