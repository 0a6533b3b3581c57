import * as z from 'zod';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../duration.ts';
import { type CertificateFacts, splitChain } from '../certificate.ts';

/**
 * The time at which a CA wants a certificate to be renewed: ACME Renewal Information (RFC 9773
 * §4.2).
 */
export interface RenewalAdvice {
  /** Renew at a random time within it. `end` is after `start`; both may be in the past. */
  readonly window: { readonly start: Date; readonly end: Date };
  /** A page that explains the window to users. */
  readonly explanationUrl?: string;
}

const timestamp = z.iso.datetime({ offset: true });
const schema = z.object({
  suggestedWindow: z.object({ start: timestamp, end: timestamp }),
  explanationURL: z.unknown().optional(),
});

/**
 * Parses a `renewalInfo` resource. Undefined for an invalid one, such as a window that does not end
 * after its start: that counts as no response (RFC 9773 §4.2). Ignores an `explanationURL` that is
 * not an HTTP URL.
 */
export function readRenewalInfo(body: unknown): RenewalAdvice | undefined {
  const { data } = schema.safeParse(body);
  if (!data) return undefined;
  const [start, end] = [new Date(data.suggestedWindow.start), new Date(data.suggestedWindow.end)];
  // An invalid date makes this false too.
  if (!(end > start)) return undefined;
  const { explanationURL } = data;
  const isPage = typeof explanationURL === 'string' && /^https?:\/\//i.test(explanationURL);
  return {
    window: { start, end },
    ...(isPage && URL.canParse(explanationURL) ? { explanationUrl: new URL(explanationURL).href } : {}),
  };
}

const DEFAULT_POLL_MS = 6 * HOUR_MS;

/**
 * When to poll the CA again: after its Retry-After (milliseconds), but between a minute and a day;
 * after six hours without a valid Retry-After or response (RFC 9773 §4.3.2 and §4.3.3).
 */
export function nextPoll(retryAfterMs: number | undefined, now: Date): Date {
  const ms = Math.min(Math.max(retryAfterMs ?? DEFAULT_POLL_MS, MINUTE_MS), DAY_MS);
  return new Date(now.getTime() + ms);
}

/**
 * Hexadecimal digits (of 64) that are used; more would not fit a number exactly and could round up
 * to 1.
 */
const DIGITS = 13;

/**
 * The ARI jitter of a certificate, in [0, 1). It is derived from the fingerprint, so it is
 * deterministic, survives restarts without being stored, and differs between certificates.
 */
export function renewalJitter({ fingerprint256 }: Pick<CertificateFacts, 'fingerprint256'>): number {
  const digits = fingerprint256.replaceAll(':', '').slice(0, DIGITS);
  return Number.parseInt(digits, 16) / 16 ** digits.length;
}

/**
 * The identifier of a certificate in `renewalInfo` and `replaces` (RFC 9773 §4.1): `base64url(key
 * identifier of its issuer).base64url(serial)`. Takes DER, or PEM with the leaf first. Undefined if
 * the certificate has no authority key identifier, or cannot be parsed.
 *
 * Every start with a stored certificate needs this. The X.509 parser that comes with acme-client
 * (@peculiar/x509) takes about 100 ms to load, and is loaded only for an order; so the few DER
 * elements that lead to the two values are read here.
 */
export function certificateId(certificate: string | Uint8Array): string | undefined {
  const der = typeof certificate === 'string' ? derOf(certificate) : certificate;
  const tbsCertificate = elements(elements(elements(der)[0]?.content)[0]?.content);
  // The version has its own tag around it, so this is the first INTEGER. It may start with a zero
  // byte that keeps it positive.
  const serial = child(tbsCertificate, INTEGER);
  const key = authorityKeyIdentifier(child(tbsCertificate, EXTENSIONS));
  if (!serial?.length || !key?.length) return undefined;
  return `${Buffer.from(key).toString('base64url')}.${Buffer.from(serial).toString('base64url')}`;
}

function derOf(pem: string): Uint8Array {
  const [leaf = ''] = splitChain(pem);
  return Buffer.from(leaf.replaceAll(/-----[^-]+-----/g, ''), 'base64');
}

// Tags: universal ones (X.690 §8.1.2), and those of optional fields (RFC 5280 §4.1 and §4.2.1.1).
const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const KEY_IDENTIFIER = 0x80;
const EXTENSIONS = 0xa3;
/** 2.5.29.35 */
const AUTHORITY_KEY_IDENTIFIER = Buffer.of(0x55, 0x1d, 0x23);

function authorityKeyIdentifier(extensions: Uint8Array | undefined): Uint8Array | undefined {
  for (const { content } of elements(elements(extensions)[0]?.content)) {
    const parts = elements(content);
    if (!parts[0] || !AUTHORITY_KEY_IDENTIFIER.equals(parts[0].content)) continue;
    return child(elements(elements(child(parts, OCTET_STRING))[0]?.content), KEY_IDENTIFIER);
  }
  return undefined;
}

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

function child(elements: readonly Element[], tag: number): Uint8Array | undefined {
  return elements.find((element) => element.tag === tag)?.content;
}

/** Reads consecutive DER elements, up to the first incomplete one. */
function elements(bytes: Uint8Array = new Uint8Array()): Element[] {
  const found: Element[] = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1] ?? 0;
    // Below 128 this is the length; else its lower bits are the number of bytes of the length
    // (X.690 §8.1.3).
    const start = at + 2 + (first < 0x80 ? 0 : first - 0x80);
    const long = bytes.subarray(at + 2, start);
    const length = first < 0x80 ? first : long.reduce((sum, byte) => sum * 256 + byte, 0);
    if (start + length > bytes.length) break;
    found.push({ tag, content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}
