import { readFileSync } from 'node:fs';
import { availableParallelism, release } from 'node:os';
import { execa } from 'execa';
import { parseSpeed } from './crypto-speed.ts';
import type { CryptoSpeed, Setting } from './results.ts';
import type { Stage } from './stage.ts';

/** Describes the hardware and the programs. */
export async function describeSetting(
  stage: Stage,
  { rounds, seconds }: Pick<Setting, 'rounds' | 'seconds'>,
): Promise<Setting> {
  const model = /^model name\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
  return {
    date: new Date().toISOString(),
    ...{ rounds, seconds },
    host: `${availableParallelism()} cores of ${model}, Linux ${release().split('-')[0]}`,
    versions: await versions(stage),
    crypto: await cryptoSpeed(stage),
  };
}

async function versions(stage: Stage): Promise<string[]> {
  const commands = [
    ['haproxy', '-v'],
    ['nginx', '-v'],
    ['caddy', 'version'],
    ['openssl', 'version'],
    ['wrk', '-v'],
  ] as const;
  const lines: string[] = [];
  for (const [program, argument] of commands) {
    const launcher = await stage.launcher(program, stage.cores.others);
    const { all } = await execa(launcher, [argument], { all: true, reject: false });
    const [first = ''] = all.split('\n');
    lines.push(first.startsWith(program) || /^HAProxy|^OpenSSL/.test(first) ? first : `${program} ${first}`);
  }
  return lines;
}

/** The library's throughput on the proxy's core, which a proxy cannot exceed. */
async function cryptoSpeed(stage: Stage): Promise<CryptoSpeed[]> {
  const openssl = await stage.launcher('openssl', stage.cores.proxy);
  const runs = [
    ['ecdsap256', 'ecdhx25519', 'ecdhp256', 'ecdhp384'],
    // Not supported before OpenSSL 3.5.
    ['X25519MLKEM768'],
    ['-bytes', '16384', '-evp', 'aes-128-gcm'],
  ];
  const speeds: CryptoSpeed[] = [];
  for (const args of runs) {
    const { stdout } = await execa(openssl, ['speed', '-seconds', '2', ...args], { reject: false });
    speeds.push(...parseSpeed(stdout));
  }
  return speeds;
}
