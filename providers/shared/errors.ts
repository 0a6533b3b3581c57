import type * as z from 'zod';
import type { Secret } from '../../src/config/secret.ts';
import { errorRegistry, IngressError, messageOf } from '../../src/errors.ts';
import type { ProxyTrouble } from '../../src/net/outgoing.ts';
import { whyUnanswered } from '../../src/net/unanswered.ts';

const LONGEST_MESSAGE = 300;

/**
 * A server's message, made safe for logs and terminals: without control characters and secrets, and
 * not too long.
 */
export function clean(message: string, secrets: readonly Secret[]): string {
  const text = secrets
    .reduce((words, secret) => words.replaceAll(secret.reveal(), String(secret)), message)
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text;
}

/** The first items of a list, for messages: `a, b and 3 more`. */
export function summarize(items: readonly string[], most = 5, separator = ', '): string {
  const more = items.length - most;
  const shown = items.slice(0, most).join(separator);
  return more > 0 ? `${shown}${separator === ', ' ? '' : separator.trim()} and ${more} more` : shown;
}

/**
 * The message of the root cause: "fetch failed" is useless, but its cause says which address
 * refused the connection, or that the timeout passed.
 */
export function rootMessage(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return cause === undefined ? messageOf(thrown) : rootMessage(cause);
}

/** The error for a call that exceeds its timeout. */
export function timeoutError(timeoutMs: number): Error {
  return Object.assign(new Error(`no response within ${timeoutMs / 1000} s`), { name: 'TimeoutError' });
}

/** What a call to a provider's API is about. */
export interface ApiOperation {
  /** The provider's name in messages. */
  readonly title: string;
  /** Completes "<title> could not be asked to …". */
  readonly doing: string;
  /** Any URL of the API; the error names its host. */
  readonly baseUrl: string;
  /** Never part of the message. */
  readonly secrets: readonly Secret[];
}

/**
 * The error for a call without a complete response. `thrown` is what the HTTP client threw,
 * `trouble` what that says about a proxy. Its `reason` (in the details) is a SilenceKind or a
 * ProxyTroubleKind. Pure.
 */
export function unreachable(
  { title, doing, baseUrl, secrets }: ApiOperation,
  thrown: unknown,
  trouble?: ProxyTrouble,
): IngressError {
  const { kind, host, why, advice } = whyUnanswered(thrown, baseUrl, `the API of ${title}`);
  const sentence = `${title} could not be asked to ${doing}: ${clean(trouble?.problem ?? why, secrets)}`;
  return new IngressError('PROVIDER_UNREACHABLE', sentence, {
    cause: thrown,
    details: trouble ? proxyDetails(trouble) : { reason: kind, host },
    ...(trouble && { hint: trouble.hint }),
    ...(!trouble && advice && { hint: advice, byItself: errorRegistry.PROVIDER_UNREACHABLE.byItself }),
  });
}

function proxyDetails({ kind, proxy, status }: ProxyTrouble): Readonly<Record<string, unknown>> {
  return { reason: kind, proxy, ...(status === undefined ? {} : { status }) };
}

/**
 * Parses the JSON of a successful response with a schema. For anything else throws what `bad` makes
 * from a description of it.
 */
export function readJson<T extends z.ZodType>(
  text: string,
  schema: T,
  bad: (what: string) => IngressError,
): z.infer<T> {
  const json = parseJson(text);
  if (json === undefined) throw bad(`something that is not JSON (${text.length} characters)`);
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw bad(`JSON that is not documented, at ${issue?.path.join('.') || 'its root'}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
