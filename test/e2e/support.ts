import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { execa } from 'execa';
import { systemClock, until } from '../../src/clock.ts';
import { runtimePaths } from '../../src/proxy/process/runtime-dir.ts';
import { afterTest } from '../harness/after-test.ts';
import { type MadeCertificate, makeCertificate } from '../harness/ca/certificates.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';
import { MountRefused, mountTinyDisk, type TinyDisk } from '../world/faults/tiny-disk.ts';
import { type InProcessOptions, startInProcess } from '../world/in-process.ts';
import {
  BUNDLE,
  type Environment,
  environmentFor,
  type Ingress,
  type LogLine,
  startIngress,
} from '../world/ingress.ts';
import { openServer } from '../world/open-server.ts';
import { createWorld, type World, type WorldOptions } from '../world/world.ts';

/** A world and the processes in it; all are ended after the test, the last started first. */
export async function worldFor(t: TestContext, options: WorldOptions = {}): Promise<World> {
  const world = await createWorld(options);
  afterTest(t, () => world[Symbol.asyncDispose]());
  return world;
}

export async function ingressIn(t: TestContext, world: World, changes: Environment = {}): Promise<Ingress> {
  return again(t, await environmentFor(world, changes));
}

/**
 * An ingress inside this process (see startInProcess), for tests that wait: waits on its clock take
 * a twentieth of their time, and `haste` shortens its time limits.
 */
export function inProcess(t: TestContext, environment: Environment, options?: InProcessOptions): Ingress {
  const ingress = startInProcess(environment, options);
  afterTest(t, () => ingress[Symbol.asyncDispose]());
  return ingress;
}

/** Another ingress on the same volumes. */
export function again(t: TestContext, environment: Environment): Ingress {
  const ingress = startIngress(environment);
  afterTest(t, () => ingress[Symbol.asyncDispose]());
  return ingress;
}

/** The exit code and the output of a subcommand. */
export async function runSubcommand(environment: Environment, ...words: string[]) {
  const options = { env: environment, extendEnv: false, reject: false };
  const { exitCode, stdout, stderr } = await execa(process.execPath, [BUNDLE, ...words], options);
  return { exitCode, stdout, stderr };
}

/** The exit code of a subcommand, and what it prints for programs. */
export async function askJson(environment: Environment, command: 'plan' | 'status' | 'health') {
  const { exitCode, stdout } = await runSubcommand(environment, command, '--json');
  return { exitCode, json: JSON.parse(stdout) };
}

/** An error as the log has it; of errors that are not ours only the message. */
export interface LoggedError {
  readonly code?: string;
  readonly message: string;
  readonly hint?: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The error of a log line. */
export function errorIn({ err }: LogLine): LoggedError {
  // The log's serializer writes all errors in this form.
  return { details: {}, ...(err as Omit<LoggedError, 'details'>) };
}

/** The variables that the output about a faulty configuration lists, as errors and as warnings. */
export function listedIn(words: readonly string[]): {
  readonly faults: string[];
  readonly warnings: string[];
} {
  const begin = words.indexOf('Warnings:');
  const end = begin < 0 ? words.length : begin;
  const variables = (lines: readonly string[]) =>
    lines.flatMap((line) => /^ {2}([A-Za-z_]+) /.exec(line)?.[1] ?? []);
  return { faults: variables(words.slice(0, end)), warnings: variables(words.slice(end)) };
}

/** Values of the TXT records at a name, as the provider has them. */
export function txtValues(world: World, name: string): string[] {
  return world.cloudflare
    .recordsOf(world.zone)
    .filter((record) => record.name === name && record.type === 'TXT')
    .map(({ content }) => (content ?? '').replace(/^"|"$/g, ''));
}

/** Writes to the provider's API so far. */
export function writes(world: World): string[] {
  return world.cloudflare.calls
    .filter(({ kind }) => kind === 'write')
    .map(({ method, path }) => `${method} ${path}`);
}

export interface Shown {
  readonly fingerprint256: string;
  readonly socket: TLSSocket;
}

/**
 * A handshake with the ingress's own port, with any issuer, because the caller compares the
 * fingerprint.
 */
export async function handshake(environment: Environment, servername: string): Promise<Shown> {
  const { promise, resolve, reject } = Promise.withResolvers<Shown>();
  const socket = connect({
    host: '127.0.0.1',
    port: Number(environment['PORT']),
    servername,
    rejectUnauthorized: false,
    timeout: 5000,
  });
  socket.on('error', reject);
  socket.on('timeout', () => reject(new Error('no handshake within 5 s')));
  socket.on('secureConnect', () => {
    socket.setTimeout(0);
    resolve({ fingerprint256: socket.getPeerCertificate().fingerprint256, socket });
  });
  return promise;
}

/** Waits until a condition holds; the error has the last failure. */
export async function eventually<T>(
  what: string,
  poll: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 60_000,
): Promise<T> {
  let last: unknown;
  const seen = await until(
    async () => {
      try {
        return await poll();
      } catch (thrown) {
        last = thrown;
        return undefined;
      }
    },
    { clock: systemClock, timeoutMs, everyMs: 25 },
  );
  if (seen === undefined) throw new Error(`not seen within ${timeoutMs} ms: ${what}`, { cause: last });
  return seen;
}

/** A silent server instead of HAProxy, with the environment in which it is found. */
export async function silentHaproxy(t: TestContext) {
  const runtimeDir = temporaryDirectory(t);
  const listener = createServer();
  const connected = once(listener, 'connection');
  const server = await openServer(listener, { path: runtimePaths(runtimeDir).handshakeSocket });
  afterTest(t, () => server[Symbol.asyncDispose]());
  return { connected, environment: { RUNTIME_DIR: runtimeDir } };
}

/**
 * A disk of this many kilobytes at a path, until the test ends. If this host does not allow mounts,
 * skips the test and returns undefined; the test has to return then.
 */
export async function tinyDiskFor(
  t: TestContext,
  path: string,
  kilobytes: number,
): Promise<TinyDisk | undefined> {
  try {
    const disk = await mountTinyDisk(path, kilobytes);
    afterTest(t, () => disk[Symbol.asyncDispose]());
    return disk;
  } catch (thrown) {
    if (!(thrown instanceof MountRefused)) throw thrown;
    t.skip(thrown.message);
    return undefined;
  }
}

const DAY_MS = 86_400_000;

/**
 * Writes a certificate valid for 90 days, with `daysLeft` days left, to the volume in certbot's
 * layout.
 */
export async function plantCertificate(
  environment: Environment,
  daysLeft: number,
): Promise<MadeCertificate & { readonly notAfter: Date }> {
  const domain = (environment['DOMAIN'] ?? '').replace(/^\*\./, '');
  const notAfter = new Date(Date.now() + daysLeft * DAY_MS);
  const notBefore = new Date(notAfter.getTime() - 90 * DAY_MS);
  const made = await makeCertificate({ names: [environment['DOMAIN'] ?? ''], notBefore, notAfter });
  const root = environment['LETSENCRYPT_DIR'] ?? '';
  const [live, archive] = [join(root, 'live', domain), join(root, 'archive', domain)];
  for (const directory of [live, archive]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  const parts = { cert: made.chainPem, chain: '', fullchain: made.chainPem, privkey: made.keyPem };
  for (const [part, text] of Object.entries(parts)) {
    writeFileSync(join(archive, `${part}1.pem`), text, { mode: part === 'privkey' ? 0o600 : 0o644 });
    symlinkSync(`../../archive/${domain}/${part}1.pem`, join(live, `${part}.pem`));
  }
  return { ...made, notAfter: new X509Certificate(made.chainPem).validToDate };
}
