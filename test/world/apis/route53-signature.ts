import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { ApiRequest } from './api-simulator.ts';
import type { Identity } from './route53-identity.ts';
import { refusals } from './route53-refusal.ts';

/**
 * Signature Version 4, recomputed from the request as it arrived
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 */

const ALGORITHM = 'AWS4-HMAC-SHA256';
const HEADER =
  /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([a-z0-9-]+)\/([a-z0-9]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;
const SKEW_MS = 5 * 60_000;
/** Headers that have to be signed if they are sent. */
const SIGNED = /^(?:host|content-type|x-amz-(?!user-agent).*)$/;

export interface Scope {
  readonly service: 'route53' | 'sts';
  readonly region: string;
}

/** The principal that signed the request. Throws Refusal. */
export function authenticate(
  request: ApiRequest,
  scope: Scope,
  identities: ReadonlyMap<string, Identity>,
): Identity {
  const { authorization } = request.headers;
  if (authorization === undefined) throw refusals.tokenMissing();
  const [, keyId = '', day = '', region = '', service = '', signedHeaders = '', signature = ''] =
    HEADER.exec(authorization) ?? [];
  if (keyId === '')
    throw refusals.signatureIncomplete("'Credential', 'SignedHeaders' and 'Signature' parameters");
  const identity = identities.get(keyId);
  const token = header(request, 'x-amz-security-token');
  if (!identity || token !== identity.sessionToken) throw refusals.keyUnknown();
  if (service !== scope.service) throw refusals.scope(`correct service: '${scope.service}'`);
  if (region !== scope.region) throw refusals.scope(`a valid region: '${scope.region}'`);
  const date = checkDate(request, day);
  const names = signedHeaders.split(';');
  const unsigned = Object.keys(request.headers).filter((name) => SIGNED.test(name) && !names.includes(name));
  if (unsigned.length > 0) throw refusals.signatureIncomplete(`signed headers: ${unsigned.join()}`);
  const canonical = canonicalRequest(request, names);
  const text = [ALGORITHM, date, `${day}/${region}/${service}/aws4_request`, sha256(canonical)].join('\n');
  const key = [day, region, service, 'aws4_request'].reduce<Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    Buffer.from(`AWS4${identity.secretAccessKey}`),
  );
  const expected = createHmac('sha256', key).update(text).digest();
  if (!timingSafeEqual(expected, Buffer.from(signature, 'hex'))) throw refusals.signatureWrong(canonical);
  if (identity.expires <= Date.now()) throw refusals.tokenExpired();
  return identity;
}

function checkDate(request: ApiRequest, day: string): string {
  const date = header(request, 'x-amz-date') ?? '';
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (!parts || !date.startsWith(day)) throw refusals.signatureIncomplete("existence of 'X-Amz-Date'");
  const [year = '', month, dayOfMonth, hour, minute, second] = parts.slice(1);
  const at = Date.parse(`${year}-${month}-${dayOfMonth}T${hour}:${minute}:${second}Z`);
  if (Math.abs(Date.now() - at) > SKEW_MS) {
    throw refusals.signatureLate(date, new Date().toISOString().replace(/[-:]|\.\d+/g, ''));
  }
  return date;
}

function canonicalRequest(request: ApiRequest, names: readonly string[]): string {
  const query = [...request.query]
    .map(([key, value]) => `${encode(key)}=${encode(value)}`)
    .sort()
    .join('&');
  const headers = names.map(
    (name) => `${name}:${(header(request, name) ?? '').trim().replace(/ +/g, ' ')}\n`,
  );
  const path = request.path.split('/').map(encode).join('/');
  return [request.method, path, query, headers.join(''), names.join(';'), sha256(request.body)].join('\n');
}

function header({ headers }: ApiRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
