import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from './child.ts';
import { cachedProgram, type DebianProgram, fetchProgram } from './debian/debian-package.ts';
import { freePort } from './free-port.ts';

const TINYPROXY: DebianProgram = {
  suite: 'bookworm',
  package: 'tinyproxy-bin',
  program: 'usr/bin/tinyproxy',
  oldest: [1, 11],
};

/** A real HTTP proxy on a loopback address that requires credentials. */
export interface Tinyproxy extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  /** Includes the credentials. */
  readonly url: string;
  readonly password: string;
  /** The request line of every request so far: `CONNECT 127.0.0.1:443 HTTP/1.1`. */
  requests(): readonly string[];
}

/** Starts it. The first call downloads the program from Debian into the cache folder. */
export async function startTinyproxy(directory: string): Promise<Tinyproxy> {
  const program = (await cachedProgram(TINYPROXY)) ?? (await fetchProgram(TINYPROXY));
  const port = await freePort();
  const home = join(directory, `tinyproxy-${port}`);
  await mkdir(home);
  const [user, password] = ['somebody', 'hushOfTheProxy7'];
  const settings = [
    ...[`Port ${port}`, 'Listen 127.0.0.1', 'Allow 127.0.0.1', 'Timeout 60', 'MaxClients 100'],
    ...[`BasicAuth ${user} ${password}`, 'LogLevel Info', 'DisableViaHeader Yes'],
  ];
  await writeFile(join(home, 'tinyproxy.conf'), `${settings.join('\n')}\n`);
  const child = await startChild(program, { args: ['-d', '-c', join(home, 'tinyproxy.conf')] });
  await child.seen(/Starting main loop/, 10_000);
  const host = `127.0.0.1:${port}`;
  return {
    host,
    url: `http://${user}:${password}@${host}`,
    password,
    requests: () => child.lines.flatMap((line) => /: ([A-Z]+ \S+ HTTP\/1\.\d)$/.exec(line)?.[1] ?? []),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
