import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bindingMissing } from '../../src/acme/account.ts';
import { type AccountStore, createAccountStore } from '../../src/acme/account-store.ts';
import { createAcmeClient } from '../../src/acme/client.ts';
import { judgeClockSkew } from '../../src/acme/clock-skew.ts';
import { readDirectory, requireProfile } from '../../src/acme/directory.ts';
import { unreachable } from '../../src/acme/http.ts';
import { type Authority, createCsr, createKey, openOrder } from '../../src/acme/issuance.ts';
import { limitsOf } from '../../src/acme/ledger/limits.ts';
import {
  download,
  finalize,
  pendingAuthorizations,
  solveChallenges,
  whyAbandoned,
  whyDownloadAbandoned,
} from '../../src/acme/order.ts';
import { problemError, readProblem } from '../../src/acme/problem.ts';
import { IngressError } from '../../src/errors.ts';
import { createMemoryAcmeClient, type MemoryAcmeClient } from '../harness/ca/memory-acme-client.ts';
import { createMemoryAccountStore } from '../harness/ca/scripted-ca.ts';
import { createFakeClock } from '../harness/fake-clock.ts';
import { openServer } from '../world/open-server.ts';
import type { WordingRow } from './row.ts';

const never = new AbortController().signal;
const CA = 'https://ca.example/dir';
const NAME = 'app.example.com';
const acme = (type: string) => `urn:ietf:params:acme:error:${type}`;

/** What the work throws. */
async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('nothing was thrown');
}

/** Problems: how a refusal is reported. */
const url = 'https://ca.example/acme/new-order';
const link = '<https://ca.example/terms/v2>;rel="terms-of-service"';
const problem = (body: unknown, status: number, headers = {}) =>
  problemError(readProblem(body, status, { url, headers }), undefined);
const TERMS =
  'The ingress agreed to the terms when it created the account; only you can agree to changed terms. The ingress retries by itself.';
const problems: WordingRow[] = [
  {
    when: 'a response is not a problem document',
    say: () => problem('<html>Bad gateway</html>', 502),
    message:
      'HTTP status 502 from the certificate authority or an intercepting proxy: <html>Bad gateway</html>',
    hint: 'If it persists, check the status page of the certificate authority and any intercepting proxy or captive portal. The ingress retries by itself.',
  },
  {
    when: 'the CA refuses a request',
    say: () => problem({ type: acme('rejectedIdentifier'), detail: 'forbidden' }, 403),
    message: 'the certificate authority refused the request: forbidden (rejectedIdentifier)',
  },
  {
    when: 'a problem has subproblems, an identifier and a page',
    say: () =>
      problem(
        {
          ...{ type: acme('compound'), title: 'Several things', instance: 'https://ca.example/why' },
          identifier: { type: 'dns', value: NAME },
          subproblems: [{ type: acme('caa'), detail: 'no', identifier: { type: 'dns', value: 'a.example' } }],
        },
        403,
      ),
    message:
      'the certificate authority refused the request: app.example.com: Several things; a.example: no (caa) (compound); see https://ca.example/why',
  },
  {
    when: 'the CA limits the rate',
    say: () => problem({ type: acme('rateLimited'), detail: 'too many certificates' }, 429),
    message: 'the certificate authority refused the request: too many certificates (rateLimited)',
    hint: "Keep the certificate volume: a start without it orders a new certificate, which counts against the limit. Set ACME_STAGING=true while you experiment. Let's Encrypt's limits: https://letsencrypt.org/docs/rate-limits/. The ingress retries by itself, not before the time in Retry-After if the certificate authority sent one.",
  },
  {
    when: 'the CA requires an action on a page, and has terms of service',
    say: () =>
      problem({ type: acme('userActionRequired'), detail: 'New terms', instance: '/agreement' }, 403, {
        link,
      }),
    message:
      'the certificate authority refused the request: New terms (userActionRequired); see https://ca.example/agreement',
    hint: `Open https://ca.example/agreement and follow the instructions. The current terms of service are at https://ca.example/terms/v2. ${TERMS}`,
  },
  {
    when: 'the CA requires an action, and has terms of service only',
    say: () => problem({ type: acme('userActionRequired'), detail: 'New terms' }, 403, { link }),
    message: 'the certificate authority refused the request: New terms (userActionRequired)',
    hint: `Open https://ca.example/terms/v2 and follow the instructions. ${TERMS}`,
  },
  {
    when: 'the CA requires an action without a page',
    say: () => problem({ type: acme('userActionRequired'), detail: 'New terms' }, 403),
    message: 'the certificate authority refused the request: New terms (userActionRequired)',
    hint: `Ask the certificate authority which action it requires of the account owner. ${TERMS}`,
  },
];

/** Requests without a response. The causes and hints are from src/net/unanswered.ts. */
const request = { method: 'post', url };
const failure = (code: string, more = {}) => Object.assign(new Error('its words'), { code, ...more });
const noResponse = (why: string) => `no response to POST ${url}: ${why}`;
const requests: WordingRow[] = [
  {
    when: 'a request fails for an unknown reason',
    say: () => unreachable(request, new Error('broken')),
    message: noResponse('broken'),
    hint: 'Check the outgoing network of the container. The ingress retries by itself.',
  },
  {
    when: 'a proxy fails',
    say: () =>
      unreachable(request, failure('ECONNREFUSED'), {
        kind: 'proxy-unreachable',
        proxy: 'proxy.example:3128',
        problem: 'the proxy is down',
        hint: 'Start the proxy.',
      }),
    message: noResponse('the proxy is down'),
    hint: 'Start the proxy.',
  },
  {
    when: 'a name with several addresses cannot be reached',
    say: () =>
      unreachable(request, new AggregateError([failure('ECONNREFUSED'), failure('ENETUNREACH')], '')),
    message: noResponse('ca.example refused the connection (its words, its words)'),
  },
  {
    when: 'a redirect leads to an unknown name',
    say: () => unreachable(request, failure('ENOTFOUND', { hostname: 'elsewhere.example' })),
    message: noResponse('the name elsewhere.example was not found (its words)'),
  },
  ...(
    [
      [
        'ECONNREFUSED',
        'ca.example refused the connection',
        'Check that the certificate authority runs at this URL, and that no firewall blocks it.',
      ],
      [
        'ENOTFOUND',
        'the name ca.example was not found',
        "Check the spelling of the URL, and the container's DNS.",
      ],
      [
        'EAI_AGAIN',
        'the DNS gave no answer for ca.example',
        "Check the container's DNS and its outgoing network.",
      ],
      [
        'ETIMEDOUT',
        'ca.example did not answer in time',
        'Check the outgoing network of the container: a firewall may drop packets to this host.',
      ],
      ['ENETUNREACH', 'there is no route to ca.example', 'Check the outgoing network of the container.'],
      [
        'ECONNRESET',
        'the connection to ca.example was closed before the answer',
        'Check the outgoing network of the container.',
      ],
      [
        'SELF_SIGNED_CERT_IN_CHAIN',
        'the TLS certificate of ca.example is not trusted',
        'Set NODE_EXTRA_CA_CERTS to a PEM file with the root certificate, if the certificate authority is a private one or an intercepting proxy opens TLS.',
      ],
      [
        'ERR_TLS_CERT_ALTNAME_INVALID',
        'the TLS certificate of ca.example is for another name',
        'Check the URL, and whether a proxy or a captive portal intercepts the connection.',
      ],
      [
        'CERT_NOT_YET_VALID',
        'the TLS certificate of ca.example is not valid now',
        'Check the clock of the host: by it the certificate of the certificate authority is not valid.',
      ],
      [
        'EPROTO',
        'ca.example does not speak TLS correctly',
        'Check scheme and port of the URL, and whether a proxy or a captive portal intercepts the connection.',
      ],
    ] as const
  ).map(([code, why, hint]) => ({
    when: `a request fails with ${code}`,
    say: () => unreachable(request, failure(code)),
    message: noResponse(`${why} (its words)`),
    hint: `${hint} The ingress retries by itself.`,
  })),
];

/** Directory and accounts. */
const profilesOf = (profiles: unknown) => readDirectory({ meta: { profiles } }, CA);
const directory: WordingRow[] = [
  {
    when: 'the directory is an HTML page',
    say: () => thrownBy(() => readDirectory('<html>', CA)),
    message: 'the response from https://ca.example/dir is not an ACME directory',
  },
  {
    when: 'the directory has no newNonce',
    say: () =>
      withCa(
        (_, response) => void response.end('{}'),
        (client) => client.refreshClockSkew(never),
      ),
    message: 'the ACME directory at http://ca/dir has no newNonce',
  },
  {
    when: 'the CA has other profiles',
    say: () => thrownBy(() => requireProfile(profilesOf({ a: 'of A', b: '' }), 'c')),
    message: 'the certificate authority has no profile c; available: a (of A), b',
  },
  {
    when: 'the CA has no profiles',
    say: () => thrownBy(() => requireProfile(profilesOf(undefined), 'a')),
    message: 'the certificate authority has no profile a: it has no profiles',
    hint: 'Remove ACME_PROFILE.',
  },
  {
    when: 'the CA requires a binding',
    say: () => bindingMissing(CA),
    message: 'https://ca.example/dir creates accounts only with an external account binding',
  },
];

type Client = ReturnType<typeof createAcmeClient>;

/** What a client throws at a CA that answers so, with the CA's address as `http://ca`. */
async function withCa(
  listener: RequestListener,
  work: (client: Client) => Promise<unknown>,
  accountsAt: (base: string) => AccountStore = (base) => createMemoryAccountStore(`${base}/acct/1`),
  warn: (sentence: string) => void = () => undefined,
): Promise<unknown> {
  await using server = await openServer(createServer(listener), { host: '127.0.0.1', port: 0 });
  const base = `http://127.0.0.1:${server.port}`;
  const client = createAcmeClient({
    ...{ directoryUrl: `${base}/dir`, email: undefined, userAgent: 'test', accounts: accountsAt(base) },
    ...{
      clock: createFakeClock(new Date('2026-11-30T12:00:00Z')),
      warn: (sentence) => warn(sentence.replaceAll(base, 'http://ca')),
    },
  });
  const thrown = await thrownBy(() => work(client));
  if (thrown instanceof Error) thrown.message = thrown.message.replaceAll(base, 'http://ca');
  return thrown;
}

/**
 * A CA that refuses account 1 as unauthorized and its key as `keyRefusal`, and registers account 2.
 */
function refusingAccount(keyRefusal: string): RequestListener {
  return async (request, response) => {
    const base = `http://${request.headers.host}`;
    response.setHeader('replay-nonce', 'nonce').setHeader('content-type', 'application/json');
    if (request.method !== 'POST') {
      const urls = ['newNonce', 'newAccount', 'newOrder'].map((name) => [name, `${base}/${name}`]);
      return void response.end(JSON.stringify(Object.fromEntries(urls)));
    }
    const { protected: header, payload } = JSON.parse((await request.setEncoding('utf8').toArray()).join(''));
    const isByKey = Buffer.from(header, 'base64url').includes('"jwk"');
    const isLookUp = Buffer.from(payload, 'base64url').includes('onlyReturnExisting');
    if (isByKey && !isLookUp)
      return void response
        .writeHead(201, { location: 'https://ca.example/acct/2' })
        .end('{"status":"valid"}');
    const type = acme(isByKey ? keyRefusal : 'unauthorized');
    response.writeHead(403).end(JSON.stringify({ type, detail: 'account is deactivated' }));
  };
}

/** An order at such a CA: what it throws, and the warnings. */
async function orderWithRefusedAccount(keyRefusal: string, lastEndedAt?: Date) {
  const successor = createMemoryAccountStore();
  let isEnded = false;
  const warnings: string[] = [];
  const thrown = await withCa(
    refusingAccount(keyRefusal),
    (client) => client.createOrder({ names: [NAME] }, never),
    (base) => {
      const accounts = createMemoryAccountStore(`${base}/acct/1`);
      return {
        ...accounts,
        load: async () => {
          const account = await accounts.load();
          return account && !isEnded ? { ...account, path: '/volume/1' } : undefined;
        },
        create: async () => {
          const account = await successor.load();
          if (!account) throw new Error('the store has an account');
          return account;
        },
        markEnded: async () => {
          isEnded = true;
        },
        lastEndedAt: async () => lastEndedAt,
      };
    },
    (sentence) => warnings.push(sentence),
  );
  return { thrown, warning: warnings.join() };
}

/** A damaged account on a volume, with its root as `/volume`. */
async function damagedAccount(): Promise<unknown> {
  const root = mkdtempSync(join(tmpdir(), 'wording-'));
  try {
    const path = join(root, 'accounts', 'ca.example', 'dir', 'x');
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'private_key.json'), '{');
    const thrown = await thrownBy(() => createAccountStore(root, CA, createFakeClock()).load());
    if (!(thrown instanceof IngressError)) return thrown;
    const [message, hint] = [thrown.message, thrown.fix].map((text) => text.replaceAll(root, '/volume'));
    return new IngressError(thrown.code, message ?? '', hint === undefined ? {} : { hint });
  } finally {
    rmSync(root, { recursive: true });
  }
}

const accounts: WordingRow[] = [
  {
    when: 'an account has ended',
    say: async () => (await orderWithRefusedAccount('unauthorized')).thrown,
    message: 'the account http://ca/acct/1 can no longer be used; switched to https://ca.example/acct/2',
  },
  {
    when: 'an account has ended: the warning',
    say: async () => (await orderWithRefusedAccount('unauthorized')).warning,
    message:
      'the account http://ca/acct/1 can no longer be used (account is deactivated); switched to https://ca.example/acct/2',
  },
  {
    when: 'an account has ended within a day of another one',
    say: async () => (await orderWithRefusedAccount('unauthorized', new Date('2026-11-30T02:00:00Z'))).thrown,
    message: 'the certificate authority refused the request: account is deactivated (unauthorized)',
    hint: 'Ask the certificate authority why it ended two accounts within a day. The ingress creates the next account after 2026-12-01T02:00:00.000Z.',
  },
  {
    when: 'a key does not belong to the account',
    say: async () => (await orderWithRefusedAccount('accountDoesNotExist')).warning,
    message:
      'the key in /volume/1 does not belong to the account http://ca/acct/1: the certificate authority has no account for it',
  },
  {
    when: 'an account key is damaged',
    say: damagedAccount,
    message: 'the account key in /volume/accounts/ca.example/dir/x/private_key.json cannot be parsed',
    hint: 'Restore it from a backup, or move /volume/accounts/ca.example/dir/x away: the ingress then creates another account, and CAA records written with SET_CAA name that one.',
  },
];

/** What an order at a CA in memory throws. */
function orderAt(prepare: (client: MemoryAcmeClient) => void): Promise<unknown> {
  const clock = createFakeClock();
  const client = createMemoryAcmeClient(clock);
  prepare(client);
  const context = { client, clock, signal: never };
  return thrownBy(async () => {
    const { order } = await client.createOrder({ names: [NAME] }, never);
    await solveChallenges(await pendingAuthorizations(order, context), context);
    const csr = await createCsr([NAME], await createKey('ecdsa'));
    await download(await finalize(order, csr, context), context);
  });
}

/** The warning about an order that is resumed after it has expired. */
async function warningAboutExpiredOrder(): Promise<string> {
  const clock = createFakeClock(new Date('2026-11-30T12:00:00Z'));
  const client = createMemoryAcmeClient(clock);
  const { order } = await client.createOrder({ names: [NAME] }, never);
  client.findOrder = async () => ({ ...order, status: 'ready', expires: '2026-11-22T00:00:00Z' });
  const stored = {
    ...{ directoryUrl: CA, accountUrl: '', names: [NAME], attempt: '1' },
    ...{ url: order.url, createdAt: '2026-11-20T00:00:00Z' },
  };
  const warnings: string[] = [];
  // Nothing else of the ledger and the order store is used before the deferral.
  const authority = {
    ...{ directoryUrl: CA, client, limits: limitsOf(CA) },
    ledger: { writeUnless: async () => ({ until: new Date(0), reason: 'enough' }) },
    orders: { load: async () => stored, remove: async () => undefined },
  } as unknown as Authority;
  const params = {
    ...{ key: NAME, names: [NAME], keyType: 'ecdsa' as const },
    ...{ profile: undefined, replaces: undefined, lifetimeMs: undefined },
  };
  const warn = (sentence: string) => void warnings.push(sentence);
  await openOrder(authority, params, { clock, signal: never, newId: () => '2', warn });
  return warnings.join();
}

const dnsProblem = { type: acme('dns'), detail: 'NXDOMAIN looking up TXT' };
const now = new Date('2026-11-30T00:00:00Z');
const old = { now, createdAt: new Date('2026-11-20T00:00:00Z'), skewMs: undefined };
const orders: WordingRow[] = [
  {
    when: 'a validation fails',
    say: () => orderAt((client) => (client.validation = [{ status: 'invalid', error: dnsProblem }])),
    message: 'the certificate authority could not validate app.example.com: NXDOMAIN looking up TXT (dns)',
  },
  {
    when: 'a validation fails without a problem',
    say: () => orderAt((client) => (client.validation = [{ status: 'invalid' }])),
    message: 'the certificate authority could not validate app.example.com',
  },
  {
    when: 'an authorization failed before a restart',
    say: () => orderAt((client) => client.authorizationStatus.set(NAME, 'invalid')),
    message: 'the certificate authority could not validate app.example.com',
  },
  {
    when: 'an authorization has expired',
    say: () => orderAt((client) => client.authorizationStatus.set(NAME, 'expired')),
    message: 'the authorization for app.example.com is expired',
  },
  {
    when: 'an authorization has no dns-01 challenge',
    say: () => orderAt((client) => (client.challengeTypes = ['http-01'])),
    message: 'the authorization for app.example.com offers no dns-01 challenge',
  },
  {
    when: 'a validation does not end',
    say: () => orderAt((client) => (client.validation = [{ status: 'pending' }])),
    message: 'the certificate authority did not validate app.example.com within 180 s',
  },
  {
    when: 'the CA does not issue',
    say: () => orderAt((client) => (client.issuance = [{ status: 'invalid', error: dnsProblem }])),
    message: 'the certificate authority did not issue the certificate: NXDOMAIN looking up TXT (dns)',
  },
  {
    when: 'issuance does not end',
    say: () => orderAt((client) => (client.issuance = [{ status: 'processing' }])),
    message: 'the certificate authority did not issue the certificate within 180 s',
  },
  {
    when: 'the certificate is an HTML page',
    say: () => orderAt((client) => (client.downloadCertificate = async () => '<html>')),
    message: 'the certificate authority returned something other than a certificate',
  },
  {
    when: 'an order has expired: the warning',
    say: warningAboutExpiredOrder,
    message:
      'abandoned the order https://ca.example/order/1 for app.example.com: it is ready although it expired at 2026-11-22T00:00:00.000Z; ordering again',
  },
  {
    when: 'an order stays processing',
    say: () => whyAbandoned({ status: 'processing' }, old)?.sentence,
    message: 'it has been processing for a day',
  },
  {
    when: 'a certificate cannot be downloaded',
    say: () => whyDownloadAbandoned({}, old)?.sentence,
    message: 'its certificate has been unavailable for a day',
  },
  {
    when: 'a certificate cannot be downloaded, and the order has expired',
    say: () => whyDownloadAbandoned({ expires: '2026-11-22T00:00:00Z' }, old)?.sentence,
    message: 'it expired at 2026-11-22T00:00:00.000Z without a certificate',
  },
  {
    when: 'acme-client cannot use a response',
    say: () =>
      withCa(
        (request, response) => {
          response.setHeader('replay-nonce', 'nonce').setHeader('content-type', 'text/html');
          const newOrder = `http://${request.headers.host}/newOrder`;
          response.end(
            request.method === 'POST' ? '<html>' : JSON.stringify({ newNonce: newOrder, newOrder }),
          );
        },
        (client) => client.createOrder({ names: [NAME] }, never),
      ),
    message: 'unusable response to POST http://ca/newOrder (HTTP 200, text/html): "<html>"',
  },
];

const MINUTE_MS = 60_000;
const clocks: WordingRow[] = (
  [
    [
      7,
      false,
      "7 minutes behind the certificate authority's, so a new certificate may not be valid yet by this clock",
    ],
    [
      -7,
      false,
      "7 minutes ahead of the certificate authority's, so certificates seem to expire early and are renewed early",
    ],
    [
      90,
      false,
      "90 minutes behind the certificate authority's, so a new certificate may not be valid yet by this clock; not ordering until it is corrected",
    ],
    [
      -30 * 60,
      true,
      "30 hours ahead of the certificate authority's, so certificates seem to expire early and are renewed early",
    ],
    [
      400 * 24 * 60,
      true,
      "400 days behind the certificate authority's, so a new certificate may not be valid yet by this clock; not ordering until it is corrected",
    ],
  ] as const
).map(([minutes, urgent, rest]) => ({
  when: `the clock is off by ${minutes} minutes, ${urgent ? 'urgent' : 'not urgent'}`,
  say: () => judgeClockSkew(minutes * MINUTE_MS, urgent)?.sentence,
  message: `the clock is ${rest}`,
}));

export const rows: readonly WordingRow[] = [
  ...problems,
  ...requests,
  ...directory,
  ...accounts,
  ...orders,
  ...clocks,
];
