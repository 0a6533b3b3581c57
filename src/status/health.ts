import { type CertificateFacts, whyUnusable } from '../certificates/certificate.ts';
import { messageOf } from '../errors.ts';

/** The judgement of a health check, in one sentence that starts with `healthy:` or `unhealthy:`. */
export interface Health {
  readonly healthy: boolean;
  readonly sentence: string;
}

/** What a handshake for one name has shown: a certificate, or what it failed with. */
export type Look =
  | { readonly domain: string; readonly facts: CertificateFacts }
  | { readonly domain: string; readonly thrown: unknown };

/** What is looked at: the port of which sentences speak, and how many names there are beside those looked at. */
export interface Subject {
  readonly port: number;
  readonly names: number;
}

/**
 * Judges what HAProxy has shown for the names. Unhealthy is a certificate that has expired or is for another name, a
 * handshake that failed, and a host that serves no name at all. A name that has no certificate yet while another is
 * served is only told: its first order takes its time. Who issued is not its business: a private or a test CA is as
 * healthy. Pure.
 */
export function judge(looks: readonly Look[], { port, names }: Subject, now: Date): Health {
  const served = looks.filter((look) => 'facts' in look);
  const missing = looks.filter((look) => 'thrown' in look && isWithoutCertificate(look.thrown));
  const wrong = looks.flatMap((look) => {
    const why = whyWrong(look, port, now);
    return why === undefined ? [] : [{ domain: look.domain, why }];
  });
  if (wrong.length > 0) return unhealthy(describeWrong(wrong, names));
  if (served.length === 0) return unhealthy('no certificate yet');
  const ends = served.map(({ facts }) => facts.notAfter.getTime());
  const until = new Date(Math.min(...ends)).toISOString();
  const [only] = names === 1 ? served : [];
  const what = only?.domain ?? `${served.length} ${served.length === 1 ? 'name' : 'names'}`;
  const part = looks.length < names ? ` (looked at ${looks.length} of ${names})` : '';
  const rest = missing.length > 0 ? `; no certificate yet for ${list(missing.map(nameOf))}` : '';
  return { healthy: true, sentence: `healthy: serving ${what}${part} until ${until}${rest}` };
}

/** The names to look at when there are many: the first, which is served first, and others that differ from time to time. Pure. */
export function sample(names: readonly string[], most: number, now: Date, everyMs: number): string[] {
  const [first, ...others] = names;
  if (first === undefined || names.length <= most) return [...names];
  const turn = Math.floor(now.getTime() / everyMs);
  const start = (turn * (most - 1)) % others.length;
  return [first, ...others.slice(start), ...others.slice(0, start)].slice(0, most);
}

function whyWrong(look: Look, port: number, now: Date): string | undefined {
  if ('facts' in look) {
    const why = whyUnusable(look.facts, { names: [look.domain], noStaging: false }, now);
    return why?.replace(/^it\b/, 'the certificate');
  }
  return isWithoutCertificate(look.thrown) ? undefined : whyFailed(look.thrown, port);
}

// HAProxy refuses names that it has no certificate for (RFC 6066 §3), and at first it has none at all.
function isWithoutCertificate(thrown: unknown): boolean {
  return /UNRECOGNIZED_NAME$/.test(String(codeOf(thrown)));
}

function whyFailed(thrown: unknown, port: number): string {
  const code = codeOf(thrown);
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return `nothing answers on port ${port}`;
  // OpenSSL's messages end in a line break.
  return `port ${port}: ${messageOf(thrown).trim().replaceAll('\n', ' ')}`;
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}

/** What is wrong with every name alike is said once. */
function describeWrong(wrong: readonly { domain: string; why: string }[], names: number): string {
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

function nameOf({ domain }: Look): string {
  return domain;
}

export function unhealthy(why: string): Health {
  return { healthy: false, sentence: `unhealthy: ${why}` };
}
