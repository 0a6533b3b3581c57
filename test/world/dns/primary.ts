import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa, execaSync } from 'execa';
import type { TsigKey } from './bind-config.ts';
import { bind } from './bind-primary.ts';
import type { Endpoint } from './dns-client.ts';
import type { KeyedZone, PrimaryServer, StartPrimaryServer } from './primary-server.ts';
import { UpdateFront } from './update-front.ts';

export interface PrimaryOptions {
  readonly zones: readonly string[];
  /** The algorithm of the key with all permissions. */
  readonly algorithm?: string;
  /** Default: BIND. */
  readonly start?: StartPrimaryServer;
}

/** Lines of one nsupdate message; this many fit in the 64 KiB of a message. */
const MOST_LINES = 150;

/**
 * A real name server as the primary of some zones, which accepts signed updates, behind a front
 * that counts and breaks messages. Planted records bypass the front and are written before the next
 * message passes it.
 */
export class Primary implements AsyncDisposable {
  readonly key: TsigKey;
  readonly front: UpdateFront;
  readonly #server: PrimaryServer;
  readonly #behind: TsigKey;
  readonly #limited: Map<string, TsigKey>;
  #lines = new Map<string, string[]>();
  #prepared: Promise<void> = Promise.resolve();

  private constructor(parts: {
    front: UpdateFront;
    server: PrimaryServer;
    keys: readonly [TsigKey, TsigKey];
    limited: Map<string, TsigKey>;
  }) {
    this.front = parts.front;
    this.#server = parts.server;
    [this.key, this.#behind] = parts.keys;
    this.#limited = parts.limited;
  }

  static async start({ zones, algorithm, start = bind() }: PrimaryOptions): Promise<Primary> {
    await using stack = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), 'primary-'));
    stack.defer(() => rm(directory, { recursive: true, force: true }));
    const keys = [createKey('dstack-ingress', algorithm), createKey('behind')] as const;
    const limited = new Map(zones.flatMap(limitedKeys).map((key) => [key.name, key]));
    const server = stack.use(
      await start({ directory, zones: zones.map(keyedZone), keys: [...keys, ...limited.values()] }),
    );
    let primary: Primary | undefined;
    const ready = async () => primary?.ready();
    const front = stack.use(await UpdateFront.start({ behind: () => server.endpoint, ready }));
    primary = new Primary({ front, server, keys, limited });
    const held = stack.move();
    primary.#dispose = () => held.disposeAsync();
    return primary;
  }

  #dispose: () => Promise<void> = async () => undefined;

  /** The server itself, bypassing the front. */
  get endpoint(): Endpoint {
    return this.#server.endpoint;
  }

  /** The server's log so far. */
  get lines(): readonly string[] {
    return this.#server.lines;
  }

  /** Creates a key that may query and transfer one zone, and with `write` update it. */
  limitedKey(zone: string, write: boolean): TsigKey {
    const key = this.#limited.get(`${write ? 'rw' : 'ro'}.${zone}`);
    if (!key) throw new Error(`there is no zone ${zone}`);
    return key;
  }

  addZone(name: string): void {
    const keys = limitedKeys(name);
    for (const key of keys) this.#limited.set(key.name, key);
    this.#prepare(() => this.#server.addZone(keyedZone(name), keys));
  }

  /** Takes lines such as `add app.example.com. 60 IN A 192.0.2.1`. */
  plant(zone: string, ...lines: readonly string[]): void {
    this.#lines.set(zone, [...(this.#lines.get(zone) ?? []), ...lines]);
  }

  /** The zone's records, sorted; without its SOA, whose serial number counts the updates. */
  recordsOf(zone: string): string[] {
    if (this.#lines.size > 0) throw new Error('planted records are written only when a message passes');
    const { name, algorithm, secret } = this.#behind;
    const { address, port } = this.#server.endpoint;
    const key = `${algorithm}:${name}:${secret}`;
    const args = [`@${address}`, '-p', `${port}`, '-y', key, '+noall', '+answer', zone, 'AXFR'];
    const lines = execaSync('dig', args).stdout.split('\n');
    if (!lines[0]?.includes('SOA')) throw new Error(lines.join('\n'));
    return lines.filter((line) => !/\sSOA\s/.test(line)).sort();
  }

  /** Resolves once all planted records are written. */
  ready(): Promise<void> {
    for (const [zone, lines] of this.#lines) this.#prepare(() => this.#write(zone, lines));
    this.#lines = new Map();
    return this.#prepared;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispose();
  }

  #prepare(task: () => Promise<void>): void {
    this.#prepared = this.#prepared.then(task);
    // The next caller waits for it and sees its failure.
    this.#prepared.catch(() => undefined);
  }

  // Asynchronous, because otherwise nothing would read the server's log, and the server would block
  // on the full pipe.
  async #write(zone: string, lines: readonly string[]): Promise<void> {
    const { name, algorithm, secret } = this.#behind;
    const { address, port } = this.#server.endpoint;
    const head = [`server ${address} ${port}`, `key ${algorithm}:${name} ${secret}`, 'check-names off'];
    for (let start = 0; start < lines.length; start += MOST_LINES) {
      const updates = lines.slice(start, start + MOST_LINES).map((line) => `update ${line}`);
      const input = [...head, `zone ${zone}.`, ...updates, 'send', ''].join('\n');
      await execa('nsupdate', ['-v', '-t', '30'], { input });
    }
  }
}

export function createKey(name: string, algorithm = 'hmac-sha256'): TsigKey {
  return { name, algorithm, secret: randomBytes(32).toString('base64') };
}

function limitedKeys(zone: string): TsigKey[] {
  return ['ro', 'rw'].map((kind) => createKey(`${kind}.${zone}`));
}

function keyedZone(name: string): KeyedZone {
  const writers = ['dstack-ingress', 'behind', `rw.${name}`];
  return { name, readers: [...writers, `ro.${name}`], writers };
}
