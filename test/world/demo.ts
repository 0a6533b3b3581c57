import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';
import { environmentFor, type Ingress, type LogLine, startIngress } from './ingress.ts';
import { createWorld, type World } from './world.ts';

/**
 * The demo of the main job: a local world, the ingress in it, and the app's response over verified
 * TLS.
 */

const once = process.argv.includes('--once');

try {
  await demo();
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
}

async function demo(): Promise<void> {
  const startedAt = Date.now();
  await using world = await createWorld();
  const worldSeconds = (Date.now() - startedAt) / 1000;
  printProgress(
    'the world',
    'name servers, resolver, certificate authority, Cloudflare, guest agent, gateway, app',
    worldSeconds,
  );
  await using ingress = startIngress(await environmentFor(world, { SET_CAA: 'true' }));
  const ingressStartedAt = Date.now();
  await showSteps(ingress);
  const curl = await curlLine(world);
  const { stdout } = await execa('curl', [...curl, '--silent', '--show-error', '--fail', '--max-time', '10']);
  printProgress('first answer', `the app says: ${stdout.trim()}`, (Date.now() - ingressStartedAt) / 1000);
  const calls = world.cloudflare.calls.length;
  print('');
  print(`  ${bold('client -> gateway -> ingress (TLS ends here) -> app')}, ${calls} calls to Cloudflare`);
  print('');
  print(`  URL   https://${ingress.environment['DOMAIN']}/`);
  print(`  curl  curl ${curl.join(' ')}`);
  print(`  files ${ingress.environment['LETSENCRYPT_DIR']}`);
  print('');
  if (!once) {
    // An interrupt ends this process and, with it, everything that the world has started.
    print('  Press Ctrl-C to end.');
    await ingress.ended;
    throw new Error('The ingress ended unexpectedly.');
  }
  const { exitCode, seconds } = await ingress.end('SIGTERM');
  printProgress('stopped', `exit code ${exitCode}`, seconds);
}

async function showSteps(ingress: Ingress): Promise<void> {
  const steps: [title: string, event: string, words: (line: LogLine) => string][] = [
    ['order', 'order-created', ({ domain }) => `for ${domain}`],
    ['records published', 'records-published', ({ written }) => [written].flat().join('\n')],
    ['seen everywhere', 'records-seen', ({ servers }) => `by ${servers} name servers`],
    ['challenge seen', 'challenge-seen', ({ servers }) => `by ${servers} name servers`],
    ['certificate', 'certificate-issued', ({ serial, notAfter }) => `serial ${serial}, until ${notAfter}`],
    ['serving', 'serving', () => 'proven by a handshake'],
    ['up', 'up', ({ msg }) => String(msg)],
  ];
  for (const [title, event, words] of steps) {
    const line = await ingress.seen(event, { timeoutMs: 120_000 });
    printProgress(title, words(line), typeof line['seconds'] === 'number' ? line['seconds'] : undefined);
  }
}

async function curlLine(world: World): Promise<string[]> {
  const roots = join(world.directory, 'roots.pem');
  await writeFile(roots, world.pebble.roots.join('\n'));
  const host = `app.${world.zone}`;
  return ['--cacert', roots, '--resolve', `${host}:443:${world.gateway.address}`, `https://${host}/hello`];
}

function printProgress(title: string, words: string, seconds: number | undefined): void {
  const time = seconds === undefined ? '' : `${seconds.toFixed(2)} s`;
  const [first = '', ...rest] = words.split('\n');
  print(`${time.padStart(8)}  ${bold(title.padEnd(18))} ${first}`);
  for (const line of rest) print(`${' '.repeat(29)}${line}`);
}

function bold(text: string): string {
  return process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
