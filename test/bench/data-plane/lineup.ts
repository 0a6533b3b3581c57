import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestCertificate } from '../../harness/proxy/proxy-certificate.ts';
import { freePort } from '../../world/free-port.ts';
import type { Contender, ContenderId } from './contender.ts';
import type { Stage } from './stage.ts';
import type { Entrant } from './works.ts';

/**
 * The contenders. Each has the app on an address of its own, so that none waits for ports that
 * another one has used.
 */
export class Lineup implements AsyncDisposable {
  readonly #stage: Stage;
  readonly #appPort: number;
  readonly #kept = new Map<string, Entrant>();
  #started = 0;

  constructor(stage: Stage, appPort: number) {
    this.#stage = stage;
    this.#appPort = appPort;
  }

  /** The running instance; starts one if there is none. */
  async kept(contender: Contender, certificates: readonly TestCertificate[]): Promise<Entrant> {
    const key = `${contender.id} ${certificates.length}`;
    const entrant = this.#kept.get(key) ?? (await this.#start(contender, certificates));
    this.#kept.set(key, entrant);
    return entrant;
  }

  /** A new instance, for `use` only. */
  async fresh<Result>(
    contender: Contender,
    certificates: readonly TestCertificate[],
    use: (entrant: Entrant) => Promise<Result>,
  ): Promise<Result> {
    const entrant = await this.#start(contender, certificates);
    try {
      return await use(entrant);
    } finally {
      await entrant.running[Symbol.asyncDispose]();
    }
  }

  async #start({ id, start }: Contender, certificates: readonly TestCertificate[]): Promise<Entrant> {
    this.#started += 1;
    const folder = join(this.#stage.folder, `${id satisfies ContenderId}-${this.#started}`);
    await mkdir(folder);
    const port = await freePort();
    const app = {
      host: `127.0.${1 + Math.floor(this.#started / 250)}.${1 + (this.#started % 250)}`,
      port: this.#appPort,
    };
    const running = await start({ port, app, certificates, folder, stage: this.#stage });
    return { running, port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#kept.values()].map(({ running }) => running[Symbol.asyncDispose]()));
  }
}
