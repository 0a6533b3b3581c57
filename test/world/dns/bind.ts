import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';
import { type Child, startChild } from '../child.ts';
import { freePort } from '../free-port.ts';
import { bindConfig, type PrimaryZone, type TsigKey, zoneFile, zoneText } from './bind-config.ts';
import type { Endpoint } from './dns-client.ts';

const START_MS = 10_000;
const ATTEMPTS = 5;

export interface BindOptions {
  /** The directory of its configuration and zones; cleared first. */
  readonly directory: string;
  readonly zones: readonly PrimaryZone[];
  /** Additional statements of the `options` block. */
  readonly options: readonly string[];
  readonly keys?: readonly TsigKey[];
}

/** A running named on a port of 127.0.0.1, behind the world's listeners. */
export interface Bind extends AsyncDisposable {
  readonly endpoint: Endpoint;
  readonly pid: number;
  /** Its log so far. */
  readonly lines: readonly string[];
  /** Serves another zone and adds the keys for it. */
  addZone(zone: PrimaryZone, keys?: readonly TsigKey[]): Promise<void>;
}

/** Starts a named. Resolves once it serves its zones, which accept dynamic updates. */
export async function startBind({ directory, zones, options, keys = [] }: BindOptions): Promise<Bind> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const served = [...zones];
  const known = [...keys];
  const config = join(directory, 'named.conf');
  const writeZone = (zone: PrimaryZone) => writeFile(join(directory, zoneFile(zone)), zoneText(zone));
  await Promise.all(zones.map(writeZone));
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const writeConfig = () => writeFile(config, bindConfig(directory, port, served, options, known));
    await writeConfig();
    const child = await startChild('named', { args: ['-g', '-4', '-n', '1', '-c', config], cwd: directory });
    try {
      await assertServing(child);
      const addZone = async (zone: PrimaryZone, more: readonly TsigKey[] = []) => {
        served.push(zone);
        known.push(...more);
        await Promise.all([writeZone(zone), writeConfig()]);
        process.kill(child.pid, 'SIGHUP');
        await child.seen(new RegExp(`zone ${zone.name}/IN: loaded serial`), START_MS);
      };
      const close = () => child[Symbol.asyncDispose]();
      const endpoint = { address: '127.0.0.1', port };
      return { endpoint, pid: child.pid, lines: child.lines, addZone, [Symbol.asyncDispose]: close };
    } catch (thrown) {
      await child[Symbol.asyncDispose]();
      if (attempt === ATTEMPTS || !child.lines.some((line) => line.includes('address in use'))) throw thrown;
    }
  }
}

/**
 * Sends one dynamic update (RFC 2136), which is atomic. `changes` are lines such as `add
 * app.example.test. 60 IN A 192.0.2.1`. Rejects with the server's refusal.
 */
export async function updateZone(
  { address, port }: Endpoint,
  zone: string,
  changes: readonly string[],
): Promise<void> {
  if (changes.length === 0) return;
  const updates = changes.map((change) => `update ${change}`);
  const script = [`server ${address} ${port}`, `zone ${zone}.`, ...updates, 'send', ''];
  await execa('nsupdate', ['-v', '-t', '5'], { input: script.join('\n') });
}

async function assertServing(child: Child): Promise<void> {
  await child.seen(/ running$/, START_MS);
  const fault = child.lines.find((line) => /address in use|not listening|not loaded due to/.test(line));
  if (fault) throw new Error(`named: ${fault}`);
}
