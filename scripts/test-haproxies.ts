import process from 'node:process';
import { execa } from 'execa';
import { HAPROXY_SUITES, haproxyOf } from '../test/world/debian/debian-haproxy.ts';

/**
 * Runs the proxy's tests on this host's HAProxy and on those of other Debian suites, and prints
 * each result. See scripts/test-haproxies.
 */

const args = process.argv.slice(2);
const SUITES = ['host', ...HAPROXY_SUITES] as const;
const known = (word: string) => SUITES.find((suite) => suite === word);
const named = args.flatMap((word) => known(word) ?? []);
const files = args.filter((word) => !known(word));

const verdicts: string[] = [];
for (const suite of named.length > 0 ? named : SUITES) {
  const program = suite === 'host' ? 'haproxy' : await haproxyOf(suite);
  const { stdout } = await execa(program, ['-v']);
  const version = stdout.split(' ')[2] ?? 'unknown';
  process.stderr.write(`==> HAProxy ${version} (${suite})\n`);
  const { failed, stdout: said } = await execa(
    process.execPath,
    ['scripts/test.ts', ...(files.length > 0 ? files : ['src/proxy/', 'test/proxy/'])],
    { env: { HAPROXY_BIN: program }, reject: false, stdout: ['pipe', 'inherit'], stderr: 'inherit' },
  );
  verdicts.push(`HAProxy ${version}: ${said.trimEnd().split('\n').at(-1)}`);
  if (failed) process.exitCode = 1;
}
process.stdout.write(`${verdicts.join('\n')}\n`);
