import { createHash, createHmac } from 'node:crypto';
import type { Identity, Route53Simulator } from './route53.ts';

export type SigningKeys = Pick<Identity, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'>;

export interface SignedOptions {
  readonly body?: string;
  /** Default: the account's first user. */
  readonly user?: SigningKeys;
  readonly date?: Date;
  readonly region?: string;
  readonly service?: string;
  readonly unsigned?: boolean;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/**
 * Sends a request to the simulator, signed here according to the documentation, without AWS's own
 * client.
 */
export async function sendSigned(
  simulator: Route53Simulator,
  method: string,
  target: string,
  options: SignedOptions = {},
) {
  const url = new URL(simulator.baseUrl + target);
  const { body = '', unsigned = false } = options;
  const headers = sign(method, url, { user: simulator.user, ...options });
  const response = await fetch(url, {
    method,
    headers: unsigned ? {} : headers,
    ...(body === '' ? {} : { body: new TextEncoder().encode(body) }),
  });
  const text = await response.text();
  const all = (tag: string) =>
    [...text.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map((match) => match[1] ?? '');
  return { status: response.status, code: all('Code')[0], message: all('Message')[0] ?? '', text, all };
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
function sign(method: string, url: URL, options: SignedOptions & { readonly user: SigningKeys }) {
  const { body = '', user, date = new Date(), region = 'us-east-1', service = 'route53' } = options;
  const at = date.toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${at.slice(0, 8)}/${region}/${service}/aws4_request`;
  const token = user.sessionToken === undefined ? {} : { 'x-amz-security-token': user.sessionToken };
  const headers = { 'x-amz-date': at, ...token };
  const lines = Object.entries({ host: url.host, ...headers });
  const names = lines.map(([name]) => name).join(';');
  const canonical = [
    method,
    url.pathname,
    url.search.slice(1).split('&').sort().join('&'),
    lines.map(([name, value]) => `${name}:${value}\n`).join(''),
    names,
    sha256(body),
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', at, scope, sha256(canonical)].join('\n');
  const key = scope
    .split('/')
    .reduce<Buffer>(
      (secret, part) => createHmac('sha256', secret).update(part).digest(),
      Buffer.from(`AWS4${user.secretAccessKey}`),
    );
  const signature = createHmac('sha256', key).update(text).digest('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${user.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...headers, authorization };
}

/** An RRset as a change contains it. */
export function set(
  type: string,
  values: readonly string[],
  { name = 'x.example.com', ttl = 60, more = '' } = {},
) {
  const records = values.map((value) => `<ResourceRecord><Value>${value}</Value></ResourceRecord>`).join('');
  return `<ResourceRecordSet><Name>${name}</Name><Type>${type}</Type>${more}<TTL>${ttl}</TTL><ResourceRecords>${records}</ResourceRecords></ResourceRecordSet>`;
}

export type SignedChange = readonly [action: string, set: string];

/** The body of a request that changes RRsets. */
export function batch(...changes: readonly SignedChange[]): string {
  const all = changes.map(([action, one]) => `<Change><Action>${action}</Action>${one}</Change>`).join('');
  return `<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes>${all}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`;
}
