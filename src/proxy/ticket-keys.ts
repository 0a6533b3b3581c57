import { rm } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import { Secret } from '../config/secret.ts';
import { IngressError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { setTicketKey } from './commands.ts';
import { SESSION_LIFETIME_MS } from './render.ts';
import type { RuntimeSocket } from './runtime-socket.ts';
import { writeWhole } from './write-whole.ts';

export interface TicketKeysOptions {
  /** Where HAProxy reads them at its start. */
  readonly path: string;
  readonly randomBytes: (size: number) => Buffer;
  readonly clock: Clock;
  readonly log: Log;
}

/** For AES-256 and HMAC with SHA-256, and the key's name before them (RFC 5077 §4). */
const KEY_BYTES = 80;
/** What HAProxy keeps: the last one, the one that encrypts, and the next one. */
const KEYS = 3;

/**
 * The keys that session tickets are encrypted with. Who has them can read the TLS 1.2 sessions of their time, so they are
 * random, and replaced while HAProxy runs: a key encrypts from one period after it was made, for one period, and decrypts for
 * one more. They are on the disk only while HAProxy starts.
 */
export class TicketKeys {
  readonly #options: TicketKeysOptions;
  #keys: readonly Secret[];

  constructor(options: TicketKeysOptions) {
    this.#options = options;
    this.#keys = Array.from({ length: KEYS }, () => this.#make());
  }

  /** Runs `start` while the file is there. Throws PROXY_START_FAILED, or what `start` throws. */
  async lent<T>(start: () => Promise<T>): Promise<T> {
    const { path } = this.#options;
    try {
      await writeWhole(path, `${this.#keys.map((key) => key.reveal()).join('\n')}\n`);
      return await start();
    } catch (cause) {
      if (cause instanceof IngressError) throw cause;
      throw new IngressError(
        'PROXY_START_FAILED',
        `The ticket keys cannot be lent to HAProxy: ${messageOf(cause)}.`,
        { cause },
      );
    } finally {
      await rm(path, { force: true });
    }
  }

  /** Makes a new key for each lifetime of a session, until the signal aborts. Never rejects. */
  async rotate(running: () => RuntimeSocket | undefined, signal: AbortSignal): Promise<void> {
    const { path, clock, log } = this.#options;
    for (;;) {
      await clock.wait(SESSION_LIFETIME_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      const key = this.#make();
      this.#keys = [...this.#keys.slice(1), key];
      const socket = running();
      // An HAProxy that is being started was lent the keys of before, or gets these.
      if (!socket) continue;
      await setTicketKey(socket, path, key, signal).catch((err: unknown) => {
        if (!signal.aborted) log.warn({ err }, 'the ticket keys could not be replaced; the next ones are');
      });
    }
  }

  #make(): Secret {
    return new Secret(this.#options.randomBytes(KEY_BYTES).toString('base64'));
  }
}
