import { readFileSync } from 'node:fs';
import process from 'node:process';
import { mapConcurrently } from '../async.ts';
import { factsOf } from '../certificates/certificate.ts';
import { systemClock as clock, until } from '../clock.ts';
import { visible } from '../config/quote.ts';
import { readTable } from '../config/read.ts';
import { servedNames } from '../config/served-names.ts';
import { nameVariables, variables } from '../config/variables.ts';
import { runtimePaths } from '../proxy/process/runtime-dir.ts';
import { presentedCertificate } from '../proxy/runtime/handshake.ts';
import { readStatusFile } from '../status/file.ts';
import { type Handshake, judge, sample } from '../status/health.ts';
import { unhealthy } from '../status/health-result.ts';
import type { HealthOptions } from './command-line.ts';
import { type HealthReport, healthJson } from './print/json.ts';

/** Shorter than the five seconds after which the container engine gives up. */
const TIMEOUT_MS = 3_000;
/** Milliseconds after which no further handshake starts. */
const BEGIN_MS = 1_000;
/** Concurrent handshakes; HAProxy reserves twice as many connections for them. */
const AT_ONCE = 4;
/** The most names in one check, which runs every half minute. */
const MOST = 50;
const EVERY_MS = 30_000;

/** While an ingress starts: milliseconds between two checks, and until the last check counts. */
const WAITING = { everyMs: 1_000, timeoutMs: 590_000 };

/**
 * Prints in one line whether HAProxy serves the names. With `wait` it waits for an ingress that is
 * starting, so that a container engine does not count a normal start as failures. Resolves with the
 * exit code: 0 if healthy, else 1.
 */
export async function health({ json, wait }: HealthOptions): Promise<number> {
  let examined = await examine();
  const poll = async () => {
    examined = await examine();
    return examined.status === 'starting' ? undefined : examined;
  };
  if (wait && examined.status === 'starting') await until(poll, { clock, ...WAITING });
  process.stdout.write(json ? healthJson(examined) : `${visible(examined.sentence)}\n`);
  return examined.status === 'healthy' ? 0 : 1;
}

// It runs every 30 seconds, so it reads and imports only what it needs.
async function examine(): Promise<HealthReport> {
  const { port, runtimeDir } = variables;
  const needed = { ...nameVariables, port, runtimeDir };
  const { values, faults } = readTable(needed, process.env, (path) => readFileSync(path, 'utf8'));
  const [fault] = faults;
  if (fault) return { ...unhealthy(`${fault.variable} ${fault.problem}`), names: [] };
  const names = servedNames(values).map(({ name }) => name);
  if (names.length === 0) return { ...unhealthy('DOMAIN is not set'), names: [] };
  const handshakes = await tryHandshakes(
    sample(names, MOST, clock.now(), EVERY_MS),
    runtimePaths(values.runtimeDir).handshakeSocket,
  );
  const state = readStatusFile(values.runtimeDir);
  const subject = { port: values.port, runtimeDir: values.runtimeDir, names: names.length, state };
  return { ...judge(handshakes, subject, clock.now()), names: handshakes.map(shown) };
}

function shown(handshake: Handshake): HealthReport['names'][number] {
  const { domain } = handshake;
  return 'facts' in handshake
    ? { domain, serial: handshake.facts.serial, notAfter: handshake.facts.notAfter }
    : { domain };
}

/** A handshake for each name, in the order of the names, as far as time allows. */
async function tryHandshakes(names: readonly string[], path: string): Promise<Handshake[]> {
  const end = clock.now().getTime() + BEGIN_MS;
  const handshakes = await mapConcurrently(AT_ONCE, names, async (domain) =>
    clock.now().getTime() < end ? tryHandshake(domain, path) : undefined,
  );
  return handshakes.filter((handshake) => handshake !== undefined);
}

async function tryHandshake(domain: string, path: string): Promise<Handshake> {
  try {
    const attempt = { path, servername: domain, clock, timeoutMs: TIMEOUT_MS };
    return { domain, facts: factsOf(await presentedCertificate(attempt)) };
  } catch (thrown) {
    return { domain, thrown };
  }
}
