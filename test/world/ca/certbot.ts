import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';
import type { World } from '../world.ts';

/** A real certbot on one volume, called like in the older, certbot-based container. */
export interface Certbot {
  /** `certbot certonly` for one name, with the older container's arguments. */
  issue(name: string, options?: IssueOptions): Promise<void>;
  /** Runs any other verb and returns certbot's output. Rejects with it if certbot fails. */
  run(...args: string[]): Promise<string>;
  /** The arguments that answer challenges with a hook of this world instead of a certbot plugin. */
  readonly authenticator: readonly string[];
}

export interface IssueOptions {
  /** Octal digits: the umask of the container. Default: 022. */
  readonly umask?: string;
  /** Additional arguments. */
  readonly args?: readonly string[];
}

const HOOK = new URL('certbot-hook.ts', import.meta.url).pathname;
const TIMEOUT_MS = 60_000;

/**
 * certbot on the volume at `configDir`, against the CA of this world; challenges go through its
 * Cloudflare. `program` is the command line of another certbot than this host's.
 */
export function certbotOn(
  world: World,
  configDir: string,
  program: readonly string[] = ['certbot'],
): Certbot {
  const { pebble, cloudflare, zone, directory } = world;
  const env = {
    REQUESTS_CA_BUNDLE: pebble.apiCaFile,
    RECORDS_URL: `${cloudflare.baseUrl}/zones/${cloudflare.zoneId(zone)}/dns_records`,
    TOKEN: cloudflare.token,
  };
  const own = join(directory, 'certbot');
  const hook = join(own, 'hook');
  const places = [
    '--config-dir',
    configDir,
    '--work-dir',
    join(own, 'work'),
    '--logs-dir',
    join(own, 'logs'),
  ];

  async function run(umask: string, args: readonly string[]): Promise<string> {
    await mkdir(own, { recursive: true });
    // certbot checks that the first word of a hook is a program and does not remove quotes, so it
    // gets a script.
    await writeFile(hook, `#!/bin/sh\nexec '${process.execPath}' '${HOOK}' "$@"\n`, { mode: 0o755 });
    const { all, failed } = await execa(
      'sh',
      ['-c', `umask ${umask}; exec "$@"`, 'sh', ...program, ...args, ...places],
      {
        env,
        all: true,
        reject: false,
        stdin: 'ignore',
        timeout: TIMEOUT_MS,
      },
    );
    if (failed) throw new Error(`certbot ${args.join(' ')}:\n${all}`);
    return all;
  }

  const authenticator = [
    ...['-a', 'manual', '--preferred-challenges=dns'],
    ...['--manual-auth-hook', `${hook} publish`, '--manual-cleanup-hook', `${hook} remove`],
  ];
  return {
    authenticator,
    run: (...args) => run('022', args),
    async issue(name, { umask = '022', args = [] } = {}) {
      await run(umask, [
        'certonly',
        ...['--non-interactive', '-v', '--server', pebble.directoryUrl],
        ...authenticator,
        ...['--agree-tos', '--no-eff-email', '--email', 'ops@example.test'],
        ...['-d', name, ...args],
      ]);
    },
  };
}
