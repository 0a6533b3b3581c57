import { chmod, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { startChild } from '../../world/child.ts';
import {
  type Handshakes,
  type Paced,
  parseHandshakes,
  parsePaced,
  parseWrk,
  type Requests,
} from './client-output.ts';
import type { Stage } from './stage.ts';

/** The server that a client connects to, and its parameters. */
export interface Aim {
  readonly port: number;
  readonly path: string;
  readonly seconds: number;
}

/**
 * The groups that a client offers for the key agreement. `any`: the library's default, which from
 * OpenSSL 3.5 equals that of browsers (key shares for X25519MLKEM768 and X25519). `x25519`: a
 * client without ML-KEM.
 */
export type Groups = 'any' | 'x25519';

const GROUPS: Readonly<Record<Groups, string>> = { any: 'any', x25519: 'X25519:P-256:P-384' };

export interface Clients {
  /** Sequential connections in each of `loops` loops. */
  handshakes(
    aim: Aim & { readonly groups: Groups },
    kind: 'full' | 'resumed',
    loops: number,
  ): Promise<Handshakes>;
  /** Sends `rate` requests per second in total, whatever their responses. */
  paced(aim: Aim, connections: number, rate: number): Promise<Paced>;
  /**
   * Sends as many requests as possible, one at a time on each persistent connection (wrk), for the
   * last name. A single connection is scheduled in real time (see real-time.ts): it mostly waits,
   * and other processes of the host must not delay it.
   */
  requests(aim: Aim, connections: number): Promise<Requests>;
  /** Holds connections open until disposal. */
  idle(aim: Omit<Aim, 'seconds'>, connections: number): Promise<AsyncDisposable>;
}

const SOURCES = new URL('clients/', import.meta.url).pathname;
const HOLD_TIMEOUT_MS = 60_000;

/** Creates clients for these names. */
export type ClientsFor = (names: readonly string[]) => Promise<Clients>;

/**
 * The cipher order of browsers. OpenSSL's own order would make the servers that let the client
 * choose do twice the work of the others.
 */
const OPENSSL_CONF = `openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = default
[default]
Ciphersuites = TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
`;

/** Compiles the clients with the stage's own compiler and library. */
export async function compileClients(stage: Stage): Promise<ClientsFor> {
  const folder = join(stage.folder, 'clients');
  await mkdir(folder);
  for (const file of await readdir(SOURCES)) await copyFile(join(SOURCES, file), join(folder, file));
  const gcc = await stage.launcher('gcc', stage.cores.others);
  const launchers = new Map<string, string>();
  for (const program of ['handshakes', 'paced', 'idle']) {
    const [source, output] = [join(folder, `${program}.c`), join(folder, program)];
    const libraries = ['-lssl', '-lcrypto', '-lpthread', '-lm'];
    await execa(gcc, ['-O2', '-D_GNU_SOURCE', '-o', output, source, join(folder, 'tls.c'), ...libraries]);
    await chmod(output, 0o755);
    // A paced client must not be delayed itself.
    launchers.set(program, await stage.launcher(output, stage.cores.others, program === 'paced'));
  }
  launchers.set('wrk', await stage.launcher('wrk', stage.cores.others));
  launchers.set('wrk-1', await stage.launcher('wrk', stage.cores.others, true));
  const openssl = join(folder, 'openssl.cnf');
  await writeFile(openssl, OPENSSL_CONF);
  const env = { OPENSSL_CONF: openssl };
  const launcher = (program: string) => launchers.get(program) ?? program;
  const run = async (program: string, ...args: readonly (string | number)[]) =>
    (await execa(launcher(program), args.map(String), { env })).stdout;
  return async (names) => {
    const namesFile = join(folder, `names-${names.length}`);
    await writeFile(namesFile, `${names.join('\n')}\n`);
    const place = (port: number) => ['127.0.0.1', port, namesFile];
    return {
      async handshakes({ port, path, seconds, groups }, kind, loops) {
        const args = [...place(port), kind, loops, seconds, path, GROUPS[groups]];
        return parseHandshakes(await run('handshakes', ...args), kind);
      },
      async paced({ port, path, seconds }, connections, rate) {
        return parsePaced(await run('paced', ...place(port), connections, rate, seconds, path));
      },
      async requests({ port, path, seconds }, connections) {
        const url = `https://${names.at(-1)}:${port}${path}`;
        const program = connections === 1 ? 'wrk-1' : 'wrk';
        // By default wrk includes the port, which clients omit if it is 443.
        const host = `Host: ${names.at(-1)}`;
        return parseWrk(
          await run(program, '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout=10s', '-H', host, url),
        );
      },
      async idle({ port, path }, connections) {
        const args = [...place(port), connections, path].map(String);
        const child = await startChild(launcher('idle'), { args, env });
        await child.seen(/^ready$/, HOLD_TIMEOUT_MS);
        return child;
      },
    };
  };
}
