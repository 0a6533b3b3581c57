import { describeForecast } from '../src/commands/print/forecast.ts';
import { healthJson, type Plan, planJson, statusJson } from '../src/commands/print/json.ts';
import { describeState } from '../src/commands/print/state.ts';
import { boundInterval } from '../src/config/config.ts';
import { describeConfigWarning } from '../src/config/warnings.ts';
import { IngressError } from '../src/errors.ts';
import { type Handshake, judge } from '../src/status/health.ts';
import type { State } from '../src/status/state.ts';

/**
 * The examples of docs/command-line.md. They are values of the program's own types, printed by its
 * own code, so that changed keys or words change the document.
 */

const [APP, API, WWW] = ['app.example.com', 'api.example.com', 'www.example.com'];
const NOW = new Date('2026-11-25T12:33:00.000Z');
const [issuer, fingerprint256] = ["C=US\nO=Let's Encrypt\nCN=E7", '5E:1F:…'];
const STORED = {
  ...{ names: [APP], serial: '04B1A5…', fingerprint256, issuer },
  ...{ notBefore: new Date('2026-09-10T09:14:04.000Z'), notAfter: new Date('2026-12-09T09:14:03.000Z') },
};
const FRESH = {
  ...{ ...STORED, names: [API] },
  ...{ notBefore: new Date('2026-11-24T09:14:04.000Z'), notAfter: new Date('2027-02-22T09:14:03.000Z') },
};
const ADDRESS = { type: 'TXT', value: '2b234ae70120828f1b9d557750bef73a1ac6a381:443', ttl: 60 };

const first: Plan = {
  provider: 'cloudflare',
  names: [APP],
  unplanned: [],
  zones: [
    {
      zone: { id: '023e105f4ecef8ad9ca31a8372d0c353', name: 'example.com' },
      names: [APP],
      changes: [
        {
          action: 'remove',
          removed: { name: APP, type: 'A', value: '192.0.2.7', ttl: 300, handle: '372e67…' },
        },
        {
          action: 'create',
          record: { name: APP, type: 'CNAME', value: 'gateway.dstack-prod5.phala.network', ttl: 60 },
        },
      ],
      unchanged: [{ name: `_dstack-app-address.${APP}`, ...ADDRESS }],
      leftovers: [],
    },
  ],
  certificates: [
    {
      names: [APP],
      ...{
        stored: undefined,
        ending: undefined,
        deferral: undefined,
        refused: undefined,
        lastRefusal: undefined,
      },
      decision: { action: 'order', urgent: true, rule: 'missing', reason: 'there is no certificate yet' },
    },
  ],
  failures: [],
  warnings: [],
};

const refusal = {
  at: new Date('2026-11-25T12:20:00.000Z'),
  code: 'ACME_ORDER_FAILED',
  message: 'During secondary validation: …',
};

const alias = new IngressError(
  'CHALLENGE_NAME_IS_ALIAS',
  `_acme-challenge.${WWW} is an alias of challenges.example.net`,
);

/** Has every key once. */
const complete: Plan = {
  ...first,
  names: [APP, API, WWW, 'app.example.org'],
  unplanned: ['app.example.org'],
  zones: first.zones.map((zone) => ({
    ...zone,
    names: [APP, API, WWW],
    changes: [
      {
        action: 'replace',
        record: { name: `_dstack-app-address.${API}`, ...ADDRESS },
        replaced: { name: `_dstack-app-address.${API}`, ...ADDRESS, value: 'stale:443', handle: '9a7806…' },
      },
      ...zone.changes,
    ],
    leftovers: [
      { name: `_acme-challenge.${APP}`, type: 'TXT', value: 'gfj9Xq…', ttl: 60, handle: 'b82c1d…' },
    ],
  })),
  certificates: [
    {
      names: [APP],
      stored: STORED,
      ending: { stage: 'soon', words: 'ends in 13 days 20 hours, at 2026-12-09T09:14:03.000Z' },
      decision: {
        action: 'order',
        urgent: true,
        rule: 'urgent',
        reason:
          'renewal has been due since 2026-11-09T09:14:03.000Z: a sixth of the lifetime was left at that time; the certificate ends at 2026-12-09T09:14:03.000Z',
      },
      deferral: {
        until: new Date('2026-11-25T14:00:00.000Z'),
        reason: `the last order failed at 2026-11-25T12:20:00.000Z: During secondary validation: … (ACME_ORDER_FAILED)`,
        failure: refusal,
      },
      refused: undefined,
      lastRefusal: refusal,
    },
    {
      names: [API],
      ...{
        stored: FRESH,
        ending: undefined,
        deferral: undefined,
        refused: undefined,
        lastRefusal: undefined,
      },
      decision: {
        action: 'keep',
        until: new Date('2027-01-23T09:14:03.000Z'),
        rule: 'lifetime',
        isSpaced: false,
        reason: 'renewal is due at 2027-01-23T09:14:03.000Z: a third of the lifetime is left at that time',
      },
    },
    {
      names: [WWW],
      ...{ stored: undefined, ending: undefined, deferral: undefined, lastRefusal: undefined },
      decision: { action: 'order', urgent: true, rule: 'missing', reason: 'there is no certificate yet' },
      refused: alias,
    },
  ],
  failures: [
    { domain: WWW, error: alias },
    {
      domain: 'app.example.org',
      error: new IngressError(
        'ZONE_NOT_FOUND',
        'The Cloudflare token sees no zone that holds app.example.org',
        {
          hint: 'Check DOMAIN: is app.example.org correct? The token sees example.com.',
        },
      ),
    },
  ],
  warnings: boundInterval(10).warnings.map(describeConfigWarning),
};

const state: State = {
  ...{ pid: 1, version: '0.1.0', provider: 'namecheap', startedAt: '2026-11-25T12:30:00.000Z' },
  names: [
    {
      domain: APP,
      certificate: { serial: '04B1A5…', notAfter: '2027-02-22T09:14:03.000Z' },
      renewal: {
        at: '2027-01-23T09:14:03.000Z',
        reason: 'renewal is due at 2027-01-23T09:14:03.000Z: a third of the lifetime is left at that time',
      },
      pass: { at: '2026-11-25T12:31:40.000Z', outcome: 'finished' },
    },
  ],
  waiting: {
    since: '2026-11-25T12:32:58.000Z',
    sentence:
      "waiting 90 s before the next call to Namecheap, until 2026-11-25T12:34:28.000Z: the ingress's own limit of calls is reached",
    until: '2026-11-25T12:34:28.000Z',
  },
  warnings: [],
};

/** The same, with every problem that a name can have. */
const troubled: State = {
  ...state,
  names: [
    {
      domain: APP,
      certificate: { serial: '03F0C2…', notAfter: '2026-11-23T09:14:03.000Z' },
      expired: { serial: '03F0C2…', notAfter: '2026-11-23T09:14:03.000Z' },
      renewal: {
        at: '2026-11-25T14:00:00.000Z',
        reason: 'the certificate cannot be served: it expired at 2026-11-23T09:14:03.000Z',
      },
      pass: { at: '2026-11-25T12:32:30.000Z', outcome: 'failed' },
      held: { until: '2026-11-25T14:00:00.000Z', sentence: 'the last order failed at …' },
      failure: {
        code: 'PROVIDER_UNREACHABLE',
        message: 'Namecheap could not be asked: …',
        hint: 'Check the outgoing network of the container.',
        retryable: true,
        nextAttempt: '2026-11-25T12:33:10.000Z',
      },
    },
  ],
  waiting: state.waiting && { ...state.waiting, domain: APP },
  warnings: ['…'],
};

const handshakes: readonly Handshake[] = [
  { domain: API, facts: FRESH },
  { domain: APP, thrown: Object.assign(new Error('alert'), { code: 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME' }) },
];
const subject = { port: 443, runtimeDir: '/run/dstack-ingress', names: 2, state: undefined };
const report = {
  ...judge(handshakes, subject, NOW),
  names: [{ domain: API, serial: FRESH.serial, notAfter: FRESH.notAfter }, { domain: APP }],
};

/** Blocks by their name in the document: `<!-- example: plan -->`. */
const examples: Readonly<Record<string, string>> = {
  plan: block('', describeForecast(first, [])),
  'plan-json': block('json', planJson(complete)),
  status: block('', describeState(state, NOW)),
  'status-json': block('json', statusJson(troubled)),
  'health-json': block('json', healthJson(report)),
};

function block(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\`\`\``;
}

/**
 * Regenerates a document's examples: each is the text after its mark, up to the end of the code
 * block.
 */
export function withExamples(document: string): string {
  return document.replaceAll(
    /(<!-- example: ([\w-]+) -->\n)(?:```.*?\n```)?/gs,
    (_, mark: string, name: string) => `${mark}${examples[name] ?? fail(name)}`,
  );
}

function fail(name: string): never {
  throw new Error(`there is no example named ${name}`);
}
