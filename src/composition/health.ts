import { readFileSync } from 'node:fs';
import process from 'node:process';
import { factsOf } from '../certificates/certificate.ts';
import { systemClock as clock } from '../clock.ts';
import { readTable } from '../config/read.ts';
import { variables } from '../config/variables.ts';
import { presentedCertificate } from '../proxy/handshake.ts';
import { runtimePaths } from '../proxy/runtime-dir.ts';
import { type Health, judgeCertificate, judgeFailure, unhealthy } from '../status/health.ts';

/** Who asks for the health gives up after some seconds without a word; this comes first. */
const TIMEOUT_MS = 3_000;

/** Says in one line whether HAProxy serves the name. Resolves with the exit code: 0 when healthy, else 1. */
export async function health(): Promise<number> {
  const { healthy, sentence } = await examine();
  process.stdout.write(`${sentence}\n`);
  return healthy ? 0 : 1;
}

// It runs every 30 seconds: of the environment it reads what it needs, and it imports as little.
async function examine(): Promise<Health> {
  const needed = { domain: variables.domain, port: variables.port, runtimeDir: variables.runtimeDir };
  const { values, faults } = readTable(needed, process.env, (path) => readFileSync(path, 'utf8'));
  const [fault] = faults;
  if (fault) return unhealthy(`${fault.variable} ${fault.problem}`);
  const { domain, port, runtimeDir } = values;
  try {
    const attempt = { path: runtimePaths(runtimeDir).own, servername: domain, clock, timeoutMs: TIMEOUT_MS };
    return judgeCertificate(factsOf(await presentedCertificate(attempt)), domain, clock.now());
  } catch (thrown) {
    return judgeFailure(thrown, port);
  }
}
