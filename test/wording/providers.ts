import * as z from 'zod';
import * as cloudflare from '../../providers/cloudflare/errors.ts';
import { toBody as toCloudflareBody } from '../../providers/cloudflare/records.ts';
import { zoneNotFound as noCloudflareZone } from '../../providers/cloudflare/zones.ts';
import * as linode from '../../providers/linode/errors.ts';
import { toBody as toLinodeBody } from '../../providers/linode/records.ts';
import { domainNotFound } from '../../providers/linode/zones.ts';
import { keepBackup } from '../../providers/namecheap/backups.ts';
import * as namecheap from '../../providers/namecheap/errors.ts';
import { understand } from '../../providers/namecheap/hosts.ts';
import { toHost } from '../../providers/namecheap/records.ts';
import { planUpdate } from '../../providers/rfc2136/changes.ts';
import * as rfc2136 from '../../providers/rfc2136/errors.ts';
import { ttlUnchanged } from '../../providers/rfc2136/provider.ts';
import { toData, typeNumber } from '../../providers/rfc2136/records.ts';
import { encodeName, TYPES } from '../../providers/rfc2136/wire.ts';
import type { ApiRecordSet } from '../../providers/route53/answers.ts';
import { checkAliases, planEdits } from '../../providers/route53/changes.ts';
import * as route53 from '../../providers/route53/errors.ts';
import { fromValue, toCurrentRecords } from '../../providers/route53/records.ts';
import { zoneNotFound as noHostedZone } from '../../providers/route53/zones.ts';
import { createBudget } from '../../providers/shared/budget.ts';
import { readJson, unreachable } from '../../providers/shared/errors.ts';
import { ConfiguredZone } from '../../providers/shared/zones.ts';
import { Secret } from '../../src/config/secret.ts';
import type { Change, DnsRecord } from '../../src/dns/record.ts';
import { errorRegistry, IngressError } from '../../src/errors.ts';
import { createMemoryFiles, createTestContext } from '../harness/dns/provider-context.ts';
import { createFakeClock } from '../harness/fake-clock.ts';
import type { WordingRow } from './row.ts';

const NAME = 'app.example.com';
const txt = { name: NAME, type: 'TXT', value: 'v', ttl: 60 };
const cname = { name: NAME, type: 'CNAME', value: 'a.example.net', ttl: 60 };
const never = new AbortController().signal;
const secret = new Secret('hush-hush');
const doing = 'list the zones';

async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

/** The error of a budget that is used up or has to wait. */
async function overBudget(holdMs: number): Promise<unknown> {
  const clock = createFakeClock(new Date('2026-01-02T03:04:05Z'));
  const limit = { burst: 1, calls: 1, perMs: 3_600_000 };
  const budget = createBudget({ title: 'Linode', limit, context: { ...createTestContext(), clock } });
  if (holdMs > 0) await budget.hold(holdMs);
  else await budget.spend(never);
  return thrownBy(() => budget.spend(never));
}

const bad = (what: string) => new IngressError('PROVIDER_BAD_ANSWER', `it answered ${what}`);
const shared: WordingRow[] = [
  {
    when: 'the proxy forbids the host of an API',
    say: () =>
      unreachable(
        { title: 'Linode', doing, baseUrl: 'https://api.example/v4', secrets: [secret] },
        undefined,
        {
          kind: 'proxy-forbids-host',
          proxy: 'proxy.example:3128',
          problem: 'the proxy says no',
          hint: 'Ask the proxy.',
        },
      ),
    message: 'Linode could not be asked to list the zones: the proxy says no',
    hint: 'Ask the proxy.',
  },
  {
    when: 'the name of an API is unknown',
    say: () =>
      unreachable(
        { title: 'Linode', doing, baseUrl: 'https://api.example/v4', secrets: [secret] },
        Object.assign(new Error('its words'), { code: 'ENOTFOUND' }),
      ),
    message: 'Linode could not be asked to list the zones: the name api.example was not found (its words)',
    hint: "Check the spelling of the URL, and the container's DNS. The ingress retries by itself.",
  },
  {
    when: 'a call fails for an unknown reason that repeats a secret',
    say: () =>
      unreachable(
        { title: 'Linode', doing, baseUrl: 'https://api.example/v4', secrets: [secret] },
        new Error('odd: hush-hush'),
      ),
    message: 'Linode could not be asked to list the zones: odd: [redacted]',
    hint: 'Check the outgoing network of the container. The ingress retries by itself.',
  },
  {
    when: 'a provider asks for a long pause',
    say: () => overBudget(600_000),
    message: 'no call to Linode before 2026-01-02T03:14:05.000Z: it asked to wait',
    hint: 'Find out what else uses the same account if it persists. The ingress retries by itself after the time that the provider asked for.',
  },
  {
    when: 'the budget of calls is used up',
    say: () => overBudget(0),
    message:
      'no call to Linode before 2026-01-02T04:04:05.000Z: the budget of 2 calls in 60 minutes is used up',
    hint: 'Find out what else uses the same account if it persists. The ingress retries by itself after the time that the provider asked for.',
  },
  {
    when: 'a response is not JSON',
    say: () => thrownBy(() => readJson('<html>', z.object({}), bad)),
    message: 'it answered something that is not JSON (6 characters)',
    hint: 'Check the base URL of the provider, and anything in between (a proxy, a captive portal).',
  },
  {
    when: 'a response has an undocumented shape',
    say: () => thrownBy(() => readJson('{"a":[1]}', z.object({ a: z.array(z.string()) }), bad)),
    message: 'it answered JSON that is not documented, at a.0',
    hint: 'Check the base URL of the provider, and anything in between (a proxy, a captive portal).',
  },
  {
    when: 'a configured zone does not hold the name',
    say: () =>
      thrownBy(() =>
        new ConfiguredZone({
          variable: 'CLOUDFLARE_ZONE_ID',
          id: 'x',
          read: async (id) => ({ id, name: 'example.org' }),
        }).find(NAME, never),
      ),
    message: 'CLOUDFLARE_ZONE_ID is the zone example.org, which does not hold app.example.com',
    hint: 'Correct or remove CLOUDFLARE_ZONE_ID. Without it, the zone is found automatically.',
  },
];

const token = {
  doing,
  permission: 'Zone / Zone / Read',
  baseUrl: 'https://api.example',
  token: secret,
} as const;
const refusedByCloudflare = (status: number, code: number, message = 'its words') =>
  cloudflare.toIngressError(
    { status, headers: undefined, body: { errors: [{ code, message }] }, cause: undefined },
    token,
    new Date(0),
  );
const cloudflareRows: WordingRow[] = [
  {
    when: 'Cloudflare rejects the token',
    say: () => refusedByCloudflare(401, 10_001),
    message: 'Cloudflare refused to list the zones: its words (code 10001)',
    hint: 'Create a token at dash.cloudflare.com > My Profile > API Tokens (or Manage Account > Account API Tokens) and set it in full as CLOUDFLARE_API_TOKEN; an old one may have expired or been disabled.',
  },
  {
    when: 'Cloudflare rejects a malformed token',
    say: () => refusedByCloudflare(400, 6003),
    message: 'Cloudflare refused to list the zones: its words (code 6003)',
    hint: 'Create a token at dash.cloudflare.com > My Profile > API Tokens (or Manage Account > Account API Tokens): CLOUDFLARE_API_TOKEN is not a token. A Global API Key does not work.',
  },
  {
    when: 'Cloudflare rejects the address',
    say: () => refusedByCloudflare(403, 9109, 'Cannot use the access token from location: 192.0.2.1'),
    message:
      'Cloudflare refused to list the zones: Cannot use the access token from location: 192.0.2.1 (code 9109)',
    hint: "Correct the token's Client IP Address Filtering, which allows other addresses only: dash.cloudflare.com > My Profile > API Tokens (or Manage Account > Account API Tokens) > the token > Edit.",
  },
  {
    when: 'the Cloudflare token lacks a permission',
    say: () => refusedByCloudflare(403, 9109),
    message: 'Cloudflare refused to list the zones: its words (code 9109)',
    hint: 'Give the token Zone / Zone / Read and include the zone under Zone Resources: dash.cloudflare.com > My Profile > API Tokens (or Manage Account > Account API Tokens) > the token > Edit.',
  },
  {
    when: 'Cloudflare does not know the zone',
    say: () => refusedByCloudflare(404, 7003),
    message: 'Cloudflare refused to list the zones: its words (code 7003)',
    hint: 'Correct or remove CLOUDFLARE_ZONE_ID; without it, the zone is found automatically.',
  },
  {
    when: 'Cloudflare fails',
    say: () => refusedByCloudflare(500, 1),
    message: 'Cloudflare failed to list the zones: its words (code 1)',
    hint: "Check the provider's status page if it persists. The ingress retries by itself.",
  },
  {
    when: 'Cloudflare answers an HTML page',
    say: () => cloudflare.badAnswer(token, 'something that is not JSON (6 characters)'),
    message: 'Cloudflare was asked to list the zones and answered something that is not JSON (6 characters)',
    hint: 'Check the base URL of the provider, and anything in between (a proxy, a captive portal).',
  },
  {
    when: 'the Cloudflare token has expired',
    say: () => cloudflare.inactiveToken('expired'),
    message: 'The Cloudflare token is expired',
    hint: 'Create new credentials as docs/providers.md describes, and set them in full.',
  },
  {
    when: 'the Cloudflare token sees no zone',
    say: () => cloudflare.noZoneVisible(),
    message: 'The Cloudflare token sees no zone at all',
    hint: 'Give it Zone / Zone / Read and include the zone under Zone Resources, or set CLOUDFLARE_ZONE_ID.',
  },
  {
    when: 'Cloudflare creates a record under another name',
    say: () =>
      cloudflare.createdElsewhere({ id: 'Z1', name: 'example.net' }, NAME, {
        ...{ name: `${NAME}.example.net`, type: 'TXT', value: 'v', ttl: 60 },
      }),
    message:
      'The zone example.net does not hold app.example.com: Cloudflare created app.example.com.example.net TXT v instead, which was removed again',
    hint: 'Correct or remove the zone id; without it the ingress finds the zone.',
  },
  {
    when: 'Cloudflare wraps the cause of a refusal',
    say: () =>
      cloudflare.toIngressError(
        {
          status: 400,
          headers: undefined,
          body: {
            errors: [
              {
                code: 1004,
                message: 'DNS Validation Error',
                error_chain: [{ code: 9021, message: 'Invalid TTL' }],
              },
            ],
          },
          cause: undefined,
        },
        token,
        new Date(0),
      ),
    message: 'Cloudflare refused to list the zones: Invalid TTL (code 9021)',
  },
  {
    when: 'Cloudflare fails without JSON',
    say: () =>
      cloudflare.toIngressError(
        { status: 502, headers: undefined, body: undefined, cause: undefined },
        token,
        new Date(0),
      ),
    message: 'Cloudflare failed to list the zones: HTTP 502',
  },
  {
    when: 'Cloudflare refuses the connection',
    say: () =>
      cloudflare.toIngressError(
        cloudflare.failedCall(
          new Error('Connection error.', {
            cause: Object.assign(new Error('its words'), { code: 'ECONNREFUSED' }),
          }),
        ),
        token,
        new Date(0),
      ),
    message:
      'Cloudflare could not be asked to list the zones: api.example refused the connection (its words)',
    hint: 'Check that the API of Cloudflare runs at this URL, and that no firewall blocks it. The ingress retries by itself.',
  },
  {
    when: 'a CAA record for Cloudflare is malformed',
    say: () => thrownBy(() => toCloudflareBody({ ...txt, type: 'CAA', value: 'x' })),
    message: 'app.example.com CAA is not flags, tag and quoted value: x',
  },
  {
    when: 'a type is never written to Cloudflare',
    say: () => thrownBy(() => toCloudflareBody({ ...txt, type: 'MX' })),
    message: 'app.example.com MX is of a type that is never written',
  },
  {
    when: 'no Cloudflare zone holds the name',
    say: () => noCloudflareZone([{ id: '1', name: 'example.org' }], NAME),
    message: 'The Cloudflare token sees no zone that holds app.example.com',
    hint: "The token sees example.org. Add the zone to the account, or include it in the token's Zone Resources.",
  },
];

const refusedByLinode = (status: number, reason: string, subject: 'domain' | 'record' = 'domain') =>
  linode.toIngressError(
    { status, text: JSON.stringify({ errors: [{ reason }] }), retryAfterMs: undefined },
    { doing, subject, token: secret },
  );
const domain = (type: string, status: string) => ({ id: 1, name: 'example.com', type, status, ttl_sec: 0 });
const linodeRows: WordingRow[] = [
  {
    when: 'Linode rejects the token',
    say: () => refusedByLinode(401, 'Invalid Token'),
    message: 'Linode refused to list the zones: Invalid Token',
    hint: 'Create a token at cloud.linode.com > your user name > API Tokens > Create a Personal Access Token (Domains: Read/Write) and set it in full as LINODE_API_TOKEN; an old one may have expired or been revoked.',
  },
  {
    when: 'Linode gives several reasons',
    say: () =>
      linode.toIngressError(
        {
          status: 400,
          text: JSON.stringify({
            errors: [
              { reason: 'Too long', field: 'name' },
              { reason: 'Empty', field: 'target' },
            ],
          }),
          retryAfterMs: undefined,
        },
        { doing, subject: 'domain', token: secret },
      ),
    message: 'Linode refused to list the zones: name: Too long; target: Empty',
  },
  {
    when: 'Linode fails without JSON',
    say: () =>
      linode.toIngressError(
        { status: 502, text: '<html>', retryAfterMs: undefined },
        { doing, subject: 'domain', token: secret },
      ),
    message: 'Linode failed to list the zones: HTTP 502',
  },
  {
    when: 'a list of Linode changes between two pages',
    say: () => linode.inconsistentPages(doing, 501, [502, 501]),
    message: 'Linode was asked to list the zones and gave 501 of 502, then 501: they changed meanwhile',
  },
  {
    when: 'a CAA record for Linode is malformed',
    say: () => thrownBy(() => toLinodeBody({ ...txt, type: 'CAA', value: 'x' }, 'example.com')),
    message: 'app.example.com CAA x is not flags, tag and quoted value',
  },
  {
    when: 'a type is never written to Linode',
    say: () => thrownBy(() => toLinodeBody({ ...txt, type: 'MX' }, 'example.com')),
    message: 'app.example.com MX v is of a type that is never written',
  },
  {
    when: 'a name is outside the Linode domain',
    say: () => thrownBy(() => toLinodeBody(txt, 'example.net')),
    message: 'The Linode domain example.net does not hold app.example.com',
    hint: errorRegistry.ZONE_MISMATCH.hint,
  },
  {
    when: 'a CNAME would be beside another record at Linode',
    say: () => linode.clash({ wanted: cname, current: txt, isNew: false }),
    message:
      'app.example.com CNAME a.example.net cannot be written beside app.example.com TXT v: a CNAME allows no other record',
    hint: 'Remove app.example.com TXT v if it is not needed, or choose another name.',
  },
  {
    when: 'a record that a CNAME excludes has appeared at Linode',
    say: () => linode.clash({ wanted: cname, current: txt, isNew: true }),
    message:
      'app.example.com CNAME a.example.net cannot be written beside app.example.com TXT v: a CNAME allows no other record',
    hint: 'Find out what else writes the same records if it persists. The ingress reads the zone again and retries by itself.',
  },
  {
    when: 'a CAA record has flags that Linode would drop',
    say: () => thrownBy(() => toLinodeBody({ ...txt, type: 'CAA', value: '128 issue "x"' }, 'example.com')),
    message: 'app.example.com CAA 128 issue "x" has flags other than 0, which Linode would drop',
  },
  {
    when: 'the Linode token lacks the scope',
    say: () => refusedByLinode(401, 'Your OAuth token is not authorized to use this endpoint.'),
    message: 'Linode refused to list the zones: Your OAuth token is not authorized to use this endpoint.',
    hint: 'Create a token with the scope Domains: Read/Write at cloud.linode.com > your user name > API Tokens > Create a Personal Access Token and set it as LINODE_API_TOKEN. Scopes cannot be added to a token later.',
  },
  {
    when: 'the Linode user is restricted',
    say: () => refusedByLinode(403, 'Unauthorized'),
    message: 'Linode refused to list the zones: Unauthorized',
    hint: 'Give the user of the token, who is restricted, Read-Write for the domain: cloud.linode.com > Administration > Users & Grants (or Identity & Access) > the user > User Permissions > Domains.',
  },
  {
    when: 'the Linode domain is gone',
    say: () => refusedByLinode(404, 'Not found'),
    message: 'Linode refused to list the zones: Not found',
    hint: 'Add the domain to the account again, or let the user of the token see it (User Permissions > Domains).',
  },
  {
    when: 'Linode answers an HTML page',
    say: () => linode.badAnswer({ doing }, 'something that is not JSON (6 characters)'),
    message: 'Linode was asked to list the zones and answered something that is not JSON (6 characters)',
    hint: 'Check the base URL of the provider, and anything in between (a proxy, a captive portal).',
  },
  {
    when: 'the Linode domain is a secondary one',
    say: () => domainNotFound([domain('slave', 'active')], NAME),
    message:
      'No domain of the Linode account can hold app.example.com: the domain example.com is a secondary one (type slave)',
    hint: 'Choose the provider of its primary name server: the records come from there and cannot be written at Linode.',
  },
  {
    when: 'the Linode domain is disabled',
    say: () => domainNotFound([domain('master', 'disabled')], NAME),
    message:
      'No domain of the Linode account can hold app.example.com: the domain example.com is not served (status disabled)',
    hint: 'Enable it: cloud.linode.com > Domains > the menu of the domain > Enable.',
  },
  {
    when: 'the Linode token sees no domain',
    say: () => domainNotFound([], NAME),
    message: 'No domain of the Linode account can hold app.example.com',
    hint: 'The token sees none at all. Add the domain at cloud.linode.com > Domains > Create Domain, or let the user of the token see it (User Permissions > Domains).',
  },
];

const key = { doing, apiKey: secret, clientIp: '192.0.2.7' };
const refusedByNamecheap = (number: string) =>
  namecheap.toIngressError({ number, message: 'its words' }, key);
const verdict = { lost: [], mangled: [], undone: [] };
const host = { '@Name': 'www', '@Type': 'A', '@Address': '192.0.2.1', '@TTL': '300' };

/** Why the API cannot write back a zone with these hosts. */
function whyUnwritable(emailType: string, ...hosts: Readonly<Record<string, string>>[]): string {
  const given = hosts.map((more) => ({ ...host, ...more }));
  const zone = { '@Domain': 'example.com', '@EmailType': emailType, '@IsUsingOurDNS': 'true' };
  return understand({ ...zone, host: given })
    .unwritable.map(({ reason, words }) => `${reason}: ${words}`)
    .join('\n');
}

const unwritable: readonly (readonly [message: string, ...of: Parameters<typeof whyUnwritable>])[] = [
  ['unknown-email-type: the email type "X" is not known', 'X'],
  ['unknown-part: www A 192.0.2.1 has the attribute Weight, which is not known', 'NONE', { '@Weight': '5' }],
  ['unknown-type: www SVCB 192.0.2.1 is of an unknown type', 'NONE', { '@Type': 'SVCB' }],
  [
    'dynamic: www A 192.0.2.1 is a dynamic DNS record, and any write would make it a static one',
    'NONE',
    { '@IsDDNSEnabled': 'true' },
  ],
  ['inactive: www A 192.0.2.1 is not active', 'NONE', { '@IsActive': 'false' }],
  ['app: www A 192.0.2.1 belongs to the app "Shop"', 'NONE', { '@AssociatedAppTitle': 'Shop' }],
  [
    'quote: www TXT "a" contains a double quote, which the API does not store',
    'NONE',
    { '@Type': 'TXT', '@Address': '"a"' },
  ],
  ['malformed: www TXT \ud800 contains half a character', 'NONE', { '@Type': 'TXT', '@Address': '\ud800' }],
  ['ttl: www A 192.0.2.1 has the TTL 86400, which the API does not accept', 'NONE', { '@TTL': '86400' }],
  [
    'mail: @ MX mx.example.net. does not go with the email type NONE and preference 10',
    'NONE',
    { '@Name': '@', '@Type': 'MX', '@Address': 'mx.example.net.', '@MXPref': '10' },
  ],
  ['duplicate: www A 192.0.2.1 is there twice, with different TTLs', 'NONE', {}, { '@TTL': '60' }],
];
const unwritableRows = unwritable.map(
  ([message, ...of]): WordingRow => ({
    when: `Namecheap's API cannot write back: ${message.slice(0, message.indexOf(':'))}`,
    say: () => whyUnwritable(...of),
    message,
  }),
);

const namecheapRows: WordingRow[] = [
  {
    when: 'Namecheap rejects the address',
    say: () => refusedByNamecheap('1011150'),
    message: 'Namecheap refused to list the zones: its words (code 1011150)',
    hint: 'Add 192.0.2.7 at ap.www.namecheap.com > Profile > Tools > Business & Dev Tools > Namecheap API Access > Manage > Whitelisted IPs, and check that NAMECHEAP_CLIENT_IP is the IPv4 address from which this container reaches the internet.',
  },
  {
    when: 'Namecheap rejects the key',
    say: () => refusedByNamecheap('1011102'),
    message: 'Namecheap refused to list the zones: its words (code 1011102)',
    hint: 'Turn API access on and set the key in full as NAMECHEAP_API_KEY, with its NAMECHEAP_USERNAME: ap.www.namecheap.com > Profile > Tools > Business & Dev Tools > Namecheap API Access > Manage. The sandbox has its own keys (NAMECHEAP_SANDBOX). Namecheap gives the same answer if 192.0.2.7 is not on the whitelist of that page.',
  },
  {
    when: 'Namecheap does not know the domain',
    say: () => refusedByNamecheap('2019166'),
    message: 'Namecheap refused to list the zones: its words (code 2019166)',
    hint: 'Set NAMECHEAP_USERNAME to the account that holds the domain (Domain List).',
  },
  {
    when: 'Namecheap answers too many calls',
    say: () => namecheap.limited(key, 405, undefined),
    message:
      'Namecheap was asked to list the zones and answered HTTP 405: too many calls in this minute, hour or day',
    hint: 'Find out what else uses the same account if it persists. The ingress retries by itself after the time that the provider asked for.',
  },
  {
    when: 'Namecheap fails',
    say: () => namecheap.unavailable(key, 500),
    message: 'Namecheap failed to list the zones: HTTP 500',
    hint: "Check the provider's status page if it persists. The ingress retries by itself.",
  },
  {
    when: 'Namecheap reports other name servers',
    say: () => refusedByNamecheap('2030288'),
    message: 'Namecheap refused to list the zones: its words (code 2030288)',
    hint: "Point the domain at Namecheap's name servers: Domain List > Manage > Nameservers > Namecheap BasicDNS.",
  },
  {
    when: 'the Namecheap account may not edit the domain',
    say: () => refusedByNamecheap('2030166'),
    message: 'Namecheap refused to list the zones: its words (code 2030166)',
    hint: 'Let the owner of the domain give the account the permission Advanced DNS: Domain List > Manage > Sharing & Transfer > Share Access.',
  },
  {
    when: 'Namecheap refuses without a code',
    say: () => namecheap.toIngressError({ number: '', message: 'its words' }, key),
    message: 'Namecheap refused to list the zones: its words',
  },
  {
    when: 'a zone would have too many hosts',
    say: () => namecheap.tooManyHosts('example.com', 151, 150),
    message:
      'the zone example.com would have 151 hosts, but Namecheap stores at most 150; nothing was written',
    hint: 'Remove unneeded hosts at Domain List > Manage > Advanced DNS.',
  },
  {
    when: 'a CNAME would be beside another record at Namecheap',
    say: () => namecheap.conflict(cname, txt),
    message:
      'nothing was written to Namecheap: app.example.com CNAME a.example.net is not allowed beside TXT v',
    hint: 'Find out what else writes the same records if it persists. The ingress reads the zone again and retries by itself.',
  },
  {
    when: 'a CNAME would be beside a redirect',
    say: () => namecheap.redirected(cname, { ...txt, type: 'URL', value: 'http://www.example.com/' }),
    message:
      'app.example.com CNAME a.example.net was not written, because the same name has URL http://www.example.com/',
    hint: 'Remove the redirect at Domain List > Manage > Advanced DNS. Namecheap would answer with both.',
  },
  {
    when: 'a TXT value has a quote, which Namecheap does not keep',
    say: () => thrownBy(() => toHost({ ...txt, value: 'a "b"' }, 'example.com')),
    message: 'app.example.com TXT holds a double quote, which Namecheap does not keep: a "b"',
  },
  {
    when: 'a CAA record for Namecheap is malformed',
    say: () => thrownBy(() => toHost({ ...txt, type: 'CAA', value: 'x' }, 'example.com')),
    message: 'app.example.com CAA is not flags, tag and quoted value: x',
  },
  {
    when: 'a name is outside the Namecheap domain',
    say: () => thrownBy(() => toHost(txt, 'example.net')),
    message: 'The domain example.net does not hold app.example.com',
  },
  {
    when: 'a write is not verified',
    say: () => namecheap.unverified('example.com', namecheap.unavailable(key, 500), '/b.txt'),
    message:
      'the zone example.com was written but not verified: Namecheap failed to list the zones: HTTP 500. The former content is in /b.txt',
    hint: "Check the provider's status page if it persists. The ingress retries by itself.",
  },
  {
    when: 'a backup cannot be written',
    say: () =>
      thrownBy(() =>
        keepBackup(
          {
            ...createTestContext(),
            files: { ...createMemoryFiles(), write: () => Promise.reject(new Error('ENOSPC')) },
          },
          'example.com',
          'text',
        ),
      ),
    message:
      'the zone example.com was not written, because its content could not be saved to a file first: ENOSPC',
  },
  {
    when: 'the domain has other name servers',
    say: () => namecheap.otherNameServers('example.com'),
    message: "The name servers of example.com are not Namecheap's",
    hint: "Point the domain at Namecheap's name servers (Domain List > Manage > Nameservers > Namecheap BasicDNS), or choose the provider that serves it.",
  },
  {
    when: 'a zone cannot be written back',
    say: () =>
      namecheap.notUnderstood('example.com', [
        { host: undefined, reason: 'unknown-email-type', words: 'the email type "X" is not known' },
      ]),
    message:
      'the zone example.com was not written, because Namecheap\'s API cannot represent everything in it: the email type "X" is not known',
    hint: 'Change what the message names at Domain List > Manage > Advanced DNS, or publish below a domain without it.',
  },
  {
    when: 'a write lost a record',
    say: () =>
      namecheap.unconfirmed('example.com', { ...verdict, lost: ['www A 192.0.2.1 (TTL 60)'] }, '/b.txt'),
    message:
      'after a write the zone example.com lacks records that no change named: www A 192.0.2.1 (TTL 60). The former content is in /b.txt',
    hint: 'Restore /b.txt with the command in docs/providers.md, unless another client removed the records at that moment. Domain List > Manage > Advanced DNS shows what is missing.',
  },
  {
    when: 'a write stored something else',
    say: () =>
      namecheap.unconfirmed('example.com', { ...verdict, mangled: ['app TXT a, now app TXT b'] }, '/b.txt'),
    message:
      'Namecheap stored other records in example.com than were sent: app TXT a, now app TXT b. The former content is in /b.txt',
    hint: 'Report this message. Nothing else was changed.',
  },
  {
    when: 'a write had no effect',
    say: () =>
      namecheap.unconfirmed('example.com', { ...verdict, undone: ['app TXT a is not there'] }, '/b.txt'),
    message:
      'Namecheap accepted a write of example.com that has no effect: app TXT a is not there. The former content is in /b.txt',
    hint: 'Find out what else writes the same records if it persists. The ingress reads the zone again and retries by itself.',
  },
];

const update = {
  doing,
  server: { host: 'ns1.example.com', port: 53 },
  key: { name: 'key1', algorithm: 'hmac-sha256', secret },
  permission: rfc2136.ZONE_PERMISSION,
} as const;
const now = new Date('2026-01-02T03:04:05Z');
const wire = (name: string, type: number) => ({ name, type, class: 1, ttl: 60, data: Buffer.alloc(0) });
const writing = rfc2136.writePermission(update.key, 'example.com', [
  wire(NAME, TYPES.CNAME),
  wire(`_acme-challenge.${NAME}`, TYPES.TXT),
]);
const badAnswers: readonly (readonly [reason: Parameters<typeof rfc2136.badAnswer>[0], how: string])[] = [
  ['forged', 'with a signature that is not of the key'],
  ['other-message', 'something else'],
  ['incomplete', 'half a message'],
  ['empty', 'nothing'],
  ['not-dns', 'octets that are no DNS message'],
  ['outside-zone', 'records outside of the zone'],
  ['zone-without-records', 'a zone without records'],
];
const entry = (record: DnsRecord) => ({ record, data: toData(record) });
const rfc2136Rows: WordingRow[] = [
  {
    when: 'a name server refuses',
    say: () => rfc2136.refused('REFUSED', update),
    message: 'The name server ns1.example.com refused to list the zones: REFUSED',
    hint: 'Let the key transfer and update the zone that holds the name: docs/providers.md has the lines.',
  },
  {
    when: 'a name server fails',
    say: () => rfc2136.refused('SERVFAIL', update),
    message: 'The name server ns1.example.com failed to list the zones: SERVFAIL',
    hint: 'Check the log of the name server, which says why it failed. The ingress retries by itself.',
  },
  {
    when: 'a name server refuses without a signature',
    say: () => rfc2136.bareRefusal('REFUSED', update, false),
    message: 'The name server ns1.example.com refused to list the zones: REFUSED, without a signature',
    hint: "Check the server's log for which of these applies: its ACL does not allow the key key1 to do this (Knot: acl; PowerDNS: TSIG-ALLOW-AXFR, TSIG-ALLOW-DNSUPDATE and allow-dnsupdate-from; docs/providers.md has the lines); the clocks of this host and of the server differ by more than 300 s; it does not know the key key1 of hmac-sha256 with this secret (check RFC2136_TSIG_KEY, RFC2136_TSIG_SECRET and RFC2136_TSIG_ALGORITHM); it does not hold the zone. The ingress retries by itself.",
  },
  {
    when: 'a name server with the valid key refuses without a signature',
    say: () => rfc2136.bareRefusal('REFUSED', update, true),
    message: 'The name server ns1.example.com refused to list the zones: REFUSED, without a signature',
    hint: "Check the server's ACL and its zones. The key and the clocks are valid, so either its ACL does not allow the key key1 to do this (Knot: acl; PowerDNS: TSIG-ALLOW-AXFR, TSIG-ALLOW-DNSUPDATE and allow-dnsupdate-from; docs/providers.md has the lines), or it does not hold the zone.",
  },
  {
    when: 'a key may not transfer the zone',
    say: () =>
      rfc2136.refused('REFUSED', {
        ...update,
        permission: rfc2136.readPermission(update.key, 'example.com'),
      }),
    message: 'The name server ns1.example.com refused to list the zones: REFUSED',
    hint: 'Let the key transfer the zone. BIND, in the block of the zone example.com: allow-transfer { key "key1"; }; (Knot, PowerDNS: docs/providers.md). Where the server does not hold the zone, correct RFC2136_NAMESERVER or RFC2136_ZONE.',
  },
  {
    when: 'a key may not write the names',
    say: () => rfc2136.refused('REFUSED', { ...update, permission: writing }),
    message: 'The name server ns1.example.com refused to list the zones: REFUSED',
    hint: 'Let the key write these names. BIND, to be added to the update-policy of the zone example.com: grant "key1" name app.example.com. A AAAA CNAME CAA; grant "key1" name _acme-challenge.app.example.com. TXT; (Knot, PowerDNS: docs/providers.md).',
  },
  {
    when: 'Knot does not allow the key to write',
    say: () =>
      rfc2136.badSignature(
        { kind: 'refused', error: 'BADKEY', serverTime: undefined },
        { ...update, permission: { hint: 'Let it.', bind: [] } },
        now,
        true,
      ),
    message: 'The name server ns1.example.com refused to list the zones: BADKEY',
    hint: 'Let it. The server gives the same answer for a key that was removed from its configuration.',
  },
  {
    when: 'a name server accepts no updates',
    say: () => rfc2136.refused('NOTIMP', update),
    message: 'The name server ns1.example.com refused to list the zones: NOTIMP',
    hint: 'Set RFC2136_NAMESERVER to the primary of the zone, and let it accept dynamic updates (PowerDNS: dnsupdate=yes).',
  },
  {
    when: 'a name is not in the zone',
    say: () => rfc2136.refused('NOTZONE', update),
    message: 'The name server ns1.example.com refused to list the zones: NOTZONE',
    hint: 'Correct or remove RFC2136_ZONE.',
  },
  {
    when: 'our clock is behind',
    say: () =>
      rfc2136.badSignature(
        { kind: 'mistimed', serverTime: new Date(now.getTime() + 600_000) },
        update,
        now,
        true,
      ),
    message:
      'The name server ns1.example.com cannot list the zones: its clock and ours differ by 600 s: ours is behind (BADTIME)',
  },
  ...badAnswers.map(
    ([reason, how]): WordingRow => ({
      when: `a name server gives a bad answer: ${reason}`,
      say: () => rfc2136.badAnswer(reason, update),
      message: `The name server ns1.example.com was asked to list the zones and answered ${how}`,
    }),
  ),
  {
    when: 'a CNAME would be beside another record',
    say: () => thrownBy(() => planUpdate([{ action: 'create', record: cname }], [entry(txt)])),
    message:
      'app.example.com CNAME a.example.net is not allowed beside app.example.com TXT v (RFC 1034 §3.6.2)',
    hint: 'Remove app.example.com TXT v if it is not needed, or choose another name.',
  },
  {
    when: 'a CNAME would be at the apex',
    say: () =>
      thrownBy(() =>
        planUpdate(
          [{ action: 'create', record: cname }],
          [{ record: { ...txt, type: 'SOA', value: '\\# 1 00' }, data: Buffer.alloc(1) }],
        ),
      ),
    message:
      'app.example.com CNAME a.example.net is not allowed beside app.example.com SOA \\# 1 00 (RFC 1034 §3.6.2)',
    hint: 'Choose another name: the apex of a zone cannot be an alias.',
  },
  {
    when: 'a record appears where a CNAME replaces another',
    say: () =>
      thrownBy(() =>
        planUpdate(
          [
            { action: 'create', record: cname },
            { action: 'remove', removed: { ...txt, type: 'A', value: '192.0.2.1' } },
          ],
          [entry(txt)],
        ),
      ),
    message:
      'app.example.com CNAME a.example.net is not allowed beside app.example.com TXT v (RFC 1034 §3.6.2)',
    hint: 'Find out what else writes the same records if it persists. The ingress reads the zone again and retries by itself.',
  },
  {
    when: 'a name server has no zone for a name',
    say: () => rfc2136.noZone(NAME),
    message: 'The name server has no zone that holds app.example.com',
    hint: 'Set RFC2136_NAMESERVER to the primary of the zone, and allow the key to query it.',
  },
  {
    when: 'a zone delegates a name to another one',
    say: () => rfc2136.delegated('example.com', 'sub.example.com', 'a.sub.example.com'),
    message: 'the zone example.com delegates sub.example.com, which holds a.sub.example.com',
    hint: 'Set RFC2136_NAMESERVER to the primary of sub.example.com, or remove the NS records of sub.example.com.',
  },
  {
    when: 'a name is no domain name',
    say: () => thrownBy(() => encodeName('a..b')),
    message: '"a..b" is not a domain name',
  },
  {
    when: 'a value does not fit its type',
    say: () => thrownBy(() => toData({ ...txt, type: 'A', value: '2001:db8::1' })),
    message: 'app.example.com A cannot be "2001:db8::1"',
  },
  {
    when: 'a type is never written by updates',
    say: () => thrownBy(() => toData({ ...txt, type: 'MX' })),
    message: 'app.example.com MX is of a type that is never written',
  },
  {
    when: 'a type is unknown',
    say: () => thrownBy(() => typeNumber('WHATEVER')),
    message: 'WHATEVER is not a type that can be written',
  },
  {
    when: 'a name server does not change a TTL',
    say: () => ttlUnchanged({ name: NAME, type: 'A', current: 3600, wanted: 60 }),
    message:
      'app.example.com A keeps its TTL of 3600 s: the name server accepted 60 s without changing it. The ingress does not try again.',
  },
  {
    when: 'a name server does not know the key',
    say: () =>
      rfc2136.badSignature({ kind: 'refused', error: 'BADKEY', serverTime: undefined }, update, now, false),
    message:
      'The name server ns1.example.com refused to list the zones: it knows no key key1 of hmac-sha256 (BADKEY)',
    hint: 'Set RFC2136_TSIG_KEY to the name of the key and RFC2136_TSIG_ALGORITHM to its algorithm, as the configuration of the name server has them. Knot gives the same answer for a key that no acl of the zone names: docs/providers.md has the lines.',
  },
  {
    when: 'the secret of the key is wrong',
    say: () =>
      rfc2136.badSignature({ kind: 'refused', error: 'BADSIG', serverTime: undefined }, update, now, false),
    message:
      'The name server ns1.example.com refused to list the zones: RFC2136_TSIG_SECRET is not the secret of the key key1 (BADSIG)',
    hint: 'Set RFC2136_TSIG_SECRET to the secret of the key, as the configuration of the name server has it.',
  },
  {
    when: 'the clocks differ',
    say: () => rfc2136.badSignature({ kind: 'mistimed', serverTime: new Date(0) }, update, now, true),
    message:
      'The name server ns1.example.com cannot list the zones: its clock and ours differ by 1767323045 s: ours is ahead (BADTIME)',
    hint: 'Set the clocks of this host and of the name server: they may differ by at most 300 s. The key is valid.',
  },
  {
    when: 'an answer is not signed',
    say: () => rfc2136.badSignature({ kind: 'unsigned' }, update, now, true),
    message: 'The name server ns1.example.com was asked to list the zones and answered without a signature',
    hint: 'Check that RFC2136_NAMESERVER is the name server itself, not a proxy or resolver, and that it supports TSIG.',
  },
  {
    when: 'a name server cannot be reached',
    say: () => rfc2136.unreachable(new Error('its words'), update),
    message: 'The name server ns1.example.com could not be asked to list the zones: its words',
    hint: 'Check that TCP to port 53 of ns1.example.com is open. The ingress retries by itself.',
  },
  {
    when: 'the name of the name server is unknown',
    say: () => rfc2136.unreachable(Object.assign(new Error('its words'), { code: 'ENOTFOUND' }), update),
    message: 'The name server ns1.example.com could not be asked to list the zones: its words',
    hint: 'Correct RFC2136_NAMESERVER: the name ns1.example.com was not found.',
  },
];

const call = { doing, action: 'route53:ListHostedZones', resource: '*', secrets: [secret] };
const refusedByAws = (code: string, status = 403, more: Partial<typeof call> = {}, message = 'its words') =>
  route53.toIngressError(
    {
      status,
      text: `<ErrorResponse><Error><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
      retryAfterMs: undefined,
    },
    { ...call, ...more },
  );
/** What planning throws if the zone has these RRsets. */
const planAgainst = (change: Change, ...sets: readonly ApiRecordSet[]) =>
  thrownBy(() =>
    planEdits([change], (name, type) => sets.filter((set) => set.Name === `${name}.` && set.Type === type)),
  );
const weighted: ApiRecordSet = {
  ...{ Name: `${NAME}.`, Type: 'TXT', TTL: 60, SetIdentifier: 'blue' },
  ResourceRecords: [{ Value: '"one"' }, { Value: '"two"' }],
};
const [one] = toCurrentRecords(weighted);
/** What a CNAME at the name throws beside records of these types. */
const besideTypes = (...types: readonly string[]) =>
  thrownBy(() => {
    const made = { Name: `${NAME}.`, Type: 'CNAME' };
    checkAliases([{ name: NAME, type: 'CNAME', removed: [], made, after: [made] }], {
      all: () => types.map((Type) => ({ Name: `${NAME}.`, Type })),
    });
  });
const route53Rows: WordingRow[] = [
  {
    when: 'AWS denies the action',
    say: () => refusedByAws('AccessDenied'),
    message: 'Route 53 refused to list the zones: its words (AccessDenied)',
    hint: 'Add the statement {"Effect":"Allow","Action":"route53:ListHostedZones","Resource":"*"} to its policy: IAM console > Users (or Roles) > the one that AWS names > Permissions > Add permissions > Create inline policy > JSON.',
  },
  {
    when: 'AWS denies a write',
    say: () =>
      refusedByAws('AccessDenied', 403, {
        action: 'route53:ChangeResourceRecordSets',
        resource: 'arn:aws:route53:::hostedzone/Z1',
      }),
    message: 'Route 53 refused to list the zones: its words (AccessDenied)',
    hint: 'Add the names, types and actions of the records above to its policy, if that allows route53:ChangeResourceRecordSets for some only. If it does not allow it on arn:aws:route53:::hostedzone/Z1 at all, use the policy of docs/providers.md#route-53: IAM console > Users (or Roles) > the one that AWS names > Permissions > Add permissions > Create inline policy > JSON.',
  },
  {
    when: 'a policy of AWS denies the action explicitly',
    say: () => refusedByAws('AccessDenied', 403, {}, 'its words, with an explicit deny'),
    message: 'Route 53 refused to list the zones: its words, with an explicit deny (AccessDenied)',
    hint: 'Find the Deny that the message names: it denies route53:ListHostedZones on *, and no other policy can allow it.',
  },
  {
    when: 'the role may not be assumed',
    say: () => refusedByAws('AccessDenied', 403, { action: 'sts:AssumeRole', resource: 'arn:r' }),
    message: 'AWS STS refused to list the zones: its words (AccessDenied)',
    hint: 'Add the statement {"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:r"} to the policy of the user (IAM console > Users (or Roles) > the one that AWS names > Permissions > Add permissions > Create inline policy > JSON), and let the role trust the user: IAM console > Roles > the role > Trust relationships. If that asks for sts:ExternalId, set AWS_ROLE_EXTERNAL_ID.',
  },
  {
    when: 'STS is not active in the region',
    say: () => refusedByAws('RegionDisabledException', 403, { action: 'sts:AssumeRole' }),
    message: 'AWS STS refused to list the zones: its words (RegionDisabledException)',
    hint: 'Activate STS in AWS_REGION (IAM console > Account settings > Security Token Service), or remove AWS_REGION.',
  },
  {
    when: 'the keys of a role have expired early',
    say: () => route53.assumedAgain(refusedByAws('ExpiredToken')),
    message: 'Route 53 refused to list the zones: its words (ExpiredToken)',
    hint: 'Wait: the next attempt assumes the role again.',
  },
  {
    when: 'Route 53 fails without an error of AWS',
    say: () => route53.toIngressError({ status: 502, text: '<html>', retryAfterMs: undefined }, call),
    message: 'Route 53 failed to list the zones: HTTP 502',
  },
  {
    when: 'AWS STS answers an HTML page',
    say: () => route53.badAnswer({ ...call, action: 'sts:AssumeRole' }, 'something that is not XML'),
    message: 'AWS STS was asked to list the zones and answered something that is not XML',
  },
  {
    when: 'a CAA record for Route 53 is malformed',
    say: () => thrownBy(() => fromValue({ ...txt, type: 'CAA', value: 'x' })),
    message: 'app.example.com CAA is not flags, tag and quoted value: x',
  },
  {
    when: 'a type is never written to Route 53',
    say: () => thrownBy(() => fromValue({ ...txt, type: 'MX' })),
    message: 'app.example.com MX is of a type that is never written',
  },
  {
    when: 'a record would be beside an RRset with a routing policy',
    say: () => planAgainst({ action: 'create', record: txt }, weighted),
    message:
      'app.example.com TXT v is not allowed beside the TXT records of app.example.com that a policy answers (route53-routing-policy, blue)',
    hint: 'Remove them, or give them another name: Route 53 console > Hosted zones > the zone > Records > app.example.com TXT.',
  },
  {
    when: 'one of several values of an RRset with a routing policy would be removed',
    say: () => one && planAgainst({ action: 'remove', removed: one }, weighted),
    message:
      'app.example.com TXT one is one of several values that route53-routing-policy answers together, and cannot be removed alone',
    hint: 'Change it by hand: Route 53 console > Hosted zones > the zone > Records > app.example.com TXT.',
  },
  {
    when: 'a second CNAME has appeared',
    say: () =>
      planAgainst(
        { action: 'create', record: cname },
        ...[{ Name: `${NAME}.`, Type: 'CNAME', TTL: 60, ResourceRecords: [{ Value: 'b.example.net.' }] }],
      ),
    message: 'app.example.com has become an alias of b.example.net since it was read',
  },
  {
    when: 'addresses have appeared where a CNAME is written',
    say: () => besideTypes('A', 'AAAA'),
    message: 'app.example.com CNAME is not allowed beside the A and AAAA records of app.example.com',
    hint: 'Find out what else writes the same records if it persists. The ingress reads the zone again and retries by itself.',
  },
  {
    when: 'a CNAME would be beside records that no plan removes',
    say: () => besideTypes('MX'),
    message: 'app.example.com CNAME is not allowed beside the MX records of app.example.com',
    hint: 'Remove one of the two: Route 53 console > Hosted zones > the zone > Records. A CNAME allows no other record.',
  },
  {
    when: 'AWS does not know the key of temporary credentials',
    say: () => refusedByAws('InvalidClientTokenId', 403, { secrets: [secret, secret, secret] }),
    message: 'Route 53 refused to list the zones: its words (InvalidClientTokenId)',
    hint: 'Check AWS_ACCESS_KEY_ID: the key may be deleted or inactive (IAM console > Users > the user > Security credentials > Access keys).',
  },
  {
    when: 'AWS does not know the key',
    say: () => refusedByAws('InvalidClientTokenId'),
    message: 'Route 53 refused to list the zones: its words (InvalidClientTokenId)',
    hint: 'Check AWS_ACCESS_KEY_ID: the key may be deleted or inactive (IAM console > Users > the user > Security credentials > Access keys). An id that starts with ASIA needs AWS_SESSION_TOKEN as well.',
  },
  {
    when: 'the secret of the AWS key is wrong',
    say: () => refusedByAws('SignatureDoesNotMatch'),
    message: 'Route 53 refused to list the zones: its words (SignatureDoesNotMatch)',
    hint: 'Set AWS_SECRET_ACCESS_KEY to the whole secret of AWS_ACCESS_KEY_ID, without quotes.',
  },
  {
    when: 'the clock of the host is wrong for AWS',
    say: () => refusedByAws('RequestTimeTooSkewed'),
    message: 'Route 53 refused to list the zones: its words (RequestTimeTooSkewed)',
    hint: 'Set the clock of the host: AWS accepts requests within 5 minutes of their time.',
  },
  {
    when: 'temporary AWS credentials have expired',
    say: () => refusedByAws('ExpiredToken'),
    message: 'Route 53 refused to list the zones: its words (ExpiredToken)',
    hint: 'Set new temporary credentials, or use an access key and AWS_ROLE_ARN.',
  },
  {
    when: 'the hosted zone is gone',
    say: () => refusedByAws('NoSuchHostedZone', 404),
    message: 'Route 53 refused to list the zones: its words (NoSuchHostedZone)',
    hint: 'Correct or remove AWS_HOSTED_ZONE_ID; without it, the zone is found automatically.',
  },
  {
    when: 'AWS limits the rate',
    say: () => refusedByAws('Throttling', 400),
    message: 'Route 53 refused to list the zones: its words (Throttling)',
    hint: 'Find out what else uses the same account if it persists. The ingress retries by itself after the time that the provider asked for.',
  },
  {
    when: 'no hosted zone holds the name',
    say: () => noHostedZone([{ id: 'Z1', name: 'example.org' }], NAME),
    message: 'The AWS account has no public hosted zone that holds app.example.com',
    hint: 'It has example.org. Create it (Route 53 console > Hosted zones > Create hosted zone > Public hosted zone), or use credentials of the account that has it.',
  },
  {
    when: 'several hosted zones have the name',
    say: () =>
      noHostedZone(
        [
          { id: 'Z1', name: 'example.com' },
          { id: 'Z2', name: 'example.com' },
        ],
        NAME,
      ),
    message:
      'The AWS account has several public hosted zones example.com (Z1, Z2), and its API does not tell which one is delegated',
    hint: 'Set AWS_HOSTED_ZONE_ID to the one whose name servers the domain has at its registrar (Route 53 console > Hosted zones > the zone > Hosted zone details), or delete the others.',
  },
];

export const rows: readonly WordingRow[] = [
  ...shared,
  ...cloudflareRows,
  ...linodeRows,
  ...namecheapRows,
  ...unwritableRows,
  ...rfc2136Rows,
  ...route53Rows,
];
