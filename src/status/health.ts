import { type CertificateFacts, whyUnusable } from '../certificates/certificate.ts';
import { describeExpiry, endingOf } from '../certificates/renewal/ending.ts';
import { messageOf, systemErrorCode } from '../errors.ts';
import { type Health, type HealthProblem, unhealthy, withoutCertificate } from './health-result.ts';
import { describeCause, judgeStart } from './start.ts';
import type { State } from './state.ts';

/** A problem that makes the host unhealthy, and its description. */
interface Wrong extends HealthProblem {
  readonly why: string;
}

/** The result of a handshake for one name: a certificate, or the error. */
export type Handshake =
  | { readonly domain: string; readonly facts: CertificateFacts }
  | { readonly domain: string; readonly thrown: unknown };

/** The ingress that is checked. */
export interface CheckedIngress {
  /** For messages. */
  readonly port: number;
  /** The directory of the socket for the handshakes. */
  readonly runtimeDir: string;
  /** How many names are served, checked or not. */
  readonly names: number;
  /** The state that the ingress has written, for causes; undefined if there is none. */
  readonly state: State | undefined;
}

/**
 * Judges the handshakes. Unhealthy: a certificate that has expired or is for another name, a failed
 * handshake, and a host that serves no name and will not soon without the operator. A name without
 * a certificate while others are served is only mentioned, because its first order takes time; so
 * is a certificate near its end, which is still valid. The issuer does not matter: a private or
 * test CA is healthy too. Pure.
 */
export function judge(handshakes: readonly Handshake[], subject: CheckedIngress, now: Date): Health {
  const { names, state } = subject;
  const served = handshakes.filter((handshake) => 'facts' in handshake);
  const wrong = handshakes.flatMap((handshake) => whatIsWrong(handshake, subject, now) ?? []);
  if (wrong.length > 0)
    return unhealthy(
      describeWrong(wrong, names),
      wrong.map(({ domain, kind }) => ({ domain, kind })),
    );
  const missing = handshakes.filter((handshake) => 'thrown' in handshake).map(nameOf);
  if (served.length === 0) return judgeStart(state, missing, now);
  const ends = served.map(({ facts }) => facts.notAfter.getTime());
  const until = new Date(Math.min(...ends)).toISOString();
  const [only] = names === 1 ? served : [];
  const what = only?.domain ?? `${served.length} ${served.length === 1 ? 'name' : 'names'}`;
  const part = handshakes.length < names ? ` (checked ${handshakes.length} of ${names})` : '';
  const rest = missing.length > 0 ? `; no certificate yet for ${list(missing)}` : '';
  const soon = served.flatMap(({ domain, facts }) => {
    const words = describeEnding(domain, facts, state, now);
    return words === undefined ? [] : [{ domain, kind: 'ends-soon' as const, words }];
  });
  const endings =
    soon.length > 0
      ? `; ${list(
          soon.map(({ words }) => words),
          '; ',
        )}`
      : '';
  return {
    status: 'healthy',
    sentence: `healthy: serving ${what}${part} until ${until}${endings}${rest}`,
    problems: [...soon.map(({ domain, kind }) => ({ domain, kind })), ...missing.map(withoutCertificate)],
  };
}

function describeEnding(
  domain: string,
  facts: CertificateFacts,
  state: State | undefined,
  now: Date,
): string | undefined {
  const ending = endingOf(facts, now);
  return ending && `the certificate for ${domain} ${ending.words}${causeOf(state, domain)}`;
}

/** Why a name has no newer certificate, as a clause to append; empty if unknown. */
function causeOf(state: State | undefined, domain: string): string {
  const name = state?.names.find((one) => one.domain === domain);
  return name ? describeCause(name) : '';
}

/** The names to check if there are many: the first, and others that rotate over time. Pure. */
export function sample(names: readonly string[], most: number, now: Date, everyMs: number): string[] {
  const [first, ...others] = names;
  if (first === undefined || names.length <= most) return [...names];
  const turn = Math.floor(now.getTime() / everyMs);
  const start = (turn * (most - 1)) % others.length;
  return [first, ...others.slice(start), ...others.slice(0, start)].slice(0, most);
}

function whatIsWrong(handshake: Handshake, subject: CheckedIngress, now: Date): Wrong | undefined {
  const { domain } = handshake;
  const { state } = subject;
  if ('facts' in handshake) {
    const { facts } = handshake;
    if (now >= facts.notAfter) {
      const why = `the certificate ${describeExpiry(facts.notAfter, now)}${causeOf(state, domain)}`;
      return { domain, kind: 'expired', why };
    }
    const why = whyUnusable(facts, { names: [domain], noStaging: false }, now);
    if (why === undefined) return undefined;
    return { domain, kind: 'wrong-certificate', why: why.words.replace(/^it\b/, 'the certificate') };
  }
  if (!isWithoutCertificate(handshake.thrown)) return { domain, ...whatFailed(handshake.thrown, subject) };
  // An expired certificate is not served after a restart.
  const expired = state?.names.find((name) => name.domain === domain)?.expired;
  if (expired === undefined) return undefined;
  const life = describeExpiry(new Date(expired.notAfter), now);
  const why = `the certificate ${life}, so it is not served${causeOf(state, domain)}`;
  return { domain, kind: 'expired', why };
}

// HAProxy refuses names without a certificate (RFC 6066 §3); at first it has none at all.
function isWithoutCertificate(thrown: unknown): boolean {
  return /UNRECOGNIZED_NAME$/.test(systemErrorCode(thrown) ?? '');
}

function whatFailed(thrown: unknown, { port, runtimeDir }: CheckedIngress): Omit<Wrong, 'domain'> {
  const code = systemErrorCode(thrown);
  // HAProxy listens on both: if the socket refuses, so does the port. If the socket is missing, the
  // port may still work.
  if (code === 'ECONNREFUSED') return { kind: 'not-listening', why: `nothing answers on port ${port}` };
  if (code === 'ENOENT') {
    const why = `there is no socket in RUNTIME_DIR (${runtimeDir}), so port ${port} cannot be checked: its files were deleted, or no ingress runs with it; restart the ingress`;
    return { kind: 'no-socket', why };
  }
  // OpenSSL's messages end with a line break.
  const message = messageOf(thrown).trim().replaceAll('\n', ' ');
  return { kind: 'handshake-failed', why: `port ${port}: ${message}` };
}

/** A problem that is the same for every name is reported once. */
function describeWrong(wrong: readonly Wrong[], names: number): string {
  const [first] = wrong;
  const alike = wrong.every(({ why }) => why === first?.why);
  if (names === 1 || (alike && wrong.length > 1)) return first?.why ?? '';
  return list(
    wrong.map(({ domain, why }) => `${domain}: ${why}`),
    '; ',
  );
}

const LISTED = 3;

function list(items: readonly string[], separator = ', '): string {
  const shown = items.slice(0, LISTED).join(separator);
  return items.length > LISTED ? `${shown} and ${items.length - LISTED} more` : shown;
}

function nameOf({ domain }: { readonly domain: string }): string {
  return domain;
}
