import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { type Front, NAME } from './ingress.ts';

interface Surroundings {
  /** The client's standard input. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a client until it exits, with any exit code: a program with its arguments, or a shell
 * command.
 */
export function run(
  { environment }: Front,
  command: string | readonly string[],
  { input = '', env = {} }: Surroundings = {},
) {
  const [program = '', ...args] = typeof command === 'string' ? ['sh', '-c', command] : command;
  const limits = { timeout: 60_000, maxBuffer: 100_000_000 };
  return execa(program, args, { ...limits, reject: false, input, env: { ...environment, ...env } });
}

/** Runs a client that has to succeed, and resolves with its output. */
export async function succeed(...what: Parameters<typeof run>): Promise<string> {
  const { exitCode, stdout, stderr } = await run(...what);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

const document = readFileSync(new URL('../../docs/traffic.md', import.meta.url), 'utf8');

/** The command of docs/traffic.md that begins with a text, with the example's ingress replaced. */
export function documented(beginning: string, front: Front): string {
  const line = document.split('\n').find((candidate) => candidate.startsWith(beginning));
  assert.ok(line !== undefined, `docs/traffic.md has no line that begins with ${beginning}`);
  return pointedAt(front, line);
}

/** The code block of docs/traffic.md in a language. */
export function documentedBlock(language: string, front: Front): string {
  const [, block] = new RegExp(`\n\`\`\`${language}\n(.*?)\`\`\``, 's').exec(document) ?? [];
  assert.ok(block !== undefined, `docs/traffic.md has no block of ${language}`);
  return pointedAt(front, block);
}

function pointedAt({ port }: Front, text: string): string {
  return text.replaceAll('app.example.com', NAME).replace(/\b443\b/g, String(port));
}
