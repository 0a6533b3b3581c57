import type { Secret } from '../../src/config/secret.ts';
import { messageOf } from '../../src/errors.ts';

const LONGEST_MESSAGE = 300;

/** The other side's words as they may reach logs and terminals: no control characters, no end, and never a secret. */
export function clean(message: string, secrets: readonly Secret[]): string {
  const text = secrets
    .reduce((words, secret) => words.replaceAll(secret.reveal(), String(secret)), message)
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text;
}

/** What lies beneath: "fetch failed" says nothing, its cause says which address refused, or that the time was over. */
export function rootMessage(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return cause === undefined ? messageOf(thrown) : rootMessage(cause);
}

/** The time is over that one call may take. */
export function tooLate(timeoutMs: number): Error {
  return Object.assign(new Error(`no answer within ${timeoutMs / 1000} s`), { name: 'TimeoutError' });
}
