import { runCommandLine } from '../../src/commands/command-line.ts';
import { PlanTimeout } from '../../src/commands/plan.ts';
import { describeFailure } from '../../src/commands/print/failure.ts';
import { describeForecast, describeOnlyWarnings } from '../../src/commands/print/forecast.ts';
import { describeState } from '../../src/commands/print/state.ts';
import { IngressError } from '../../src/errors.ts';
import type { CertificateForecast, Forecast, ZoneForecast } from '../../src/reconcile/forecast.ts';
import { judge } from '../../src/status/health.ts';
import type { NameState, State } from '../../src/status/state.ts';
import { type HealthCase, healthCases } from '../harness/health-cases.ts';
import type { WordingRow } from './row.ts';

const facts = {
  names: ['app.example.com'],
  serial: '0A1B',
  fingerprint256: 'AB',
  issuer: 'CN=Pretend',
  notBefore: new Date('2026-10-01T00:00:00Z'),
  notAfter: new Date('2026-12-30T00:00:00Z'),
};
const due = new Date('2026-11-30T00:00:00Z');
const alias = { name: 'app.example.com', type: 'CNAME', value: 'gateway.example.net', ttl: 60 };
const address = { name: 'app.example.com', type: 'A', value: '192.0.2.7', ttl: 300 };
const txt = (value: string) => ({ name: '_dstack-app-address.app.example.com', type: 'TXT', value, ttl: 60 });

const zone: ZoneForecast = {
  zone: { id: 'z1', name: 'example.com' },
  names: ['app.example.com'],
  changes: [],
  unchanged: [alias],
  leftovers: [],
};
const kept: CertificateForecast = {
  names: ['app.example.com'],
  stored: facts,
  decision: {
    action: 'keep',
    until: due,
    rule: 'lifetime',
    isSpaced: false,
    reason: 'renewal is due at 2026-11-30T00:00:00.000Z',
  },
  ...{ deferral: undefined, refused: undefined, ending: undefined, lastRefusal: undefined },
};
const settled: Forecast = {
  ...{ provider: 'cloudflare', names: ['app.example.com'], unplanned: [] },
  ...{ zones: [zone], certificates: [kept], failures: [] },
};
const ordered: CertificateForecast = {
  names: ['app.example.com'],
  stored: undefined,
  decision: { action: 'order', urgent: true, rule: 'missing', reason: 'there is no certificate yet' },
  ...{ deferral: undefined, refused: undefined, ending: undefined, lastRefusal: undefined },
};

const plan = (
  when: string,
  changes: Partial<Forecast>,
  message: string,
  warnings: string[] = [],
): WordingRow => ({
  ...{ when: `plan: ${when}`, message },
  say: () => describeForecast({ ...settled, ...changes }, warnings),
});

/** The lines of a plan for one certificate. */
const planned = (when: string, certificate: CertificateForecast, message: string): WordingRow => ({
  ...{ when: `plan: ${when}`, message },
  say: () =>
    /\nCertificate\n([\s\S]*?)\n\n/.exec(
      describeForecast({ ...settled, certificates: [certificate] }, []),
    )?.[1],
});

const many = ['a', 'b', 'c', 'd'].map((label) => `${label}.example.com`);
const create = [{ action: 'create', record: txt('new:443') } as const];
const held = { until: due, reason: '4 failed authorizations of b.example.com in an hour' };

const plans: readonly WordingRow[] = [
  plan(
    'every kind of change',
    {
      zones: [
        {
          ...zone,
          changes: [
            {
              action: 'remove',
              removed: { ...alias, value: 'old.example.net', overriddenBy: 'cloudflare-proxy' },
            },
            { action: 'replace', replaced: address, record: alias },
            { action: 'create', record: txt('new:443') },
          ],
          unchanged: [],
          leftovers: [txt('challenge')],
        },
      ],
      certificates: [ordered],
    },
    `What a start would do for app.example.com:

Records in the zone example.com (cloudflare)
  remove  app.example.com CNAME old.example.net (TTL 60, answered by cloudflare-proxy)
  replace app.example.com A 192.0.2.7 (TTL 300)
  by      app.example.com CNAME gateway.example.net (TTL 60)
  create  _dstack-app-address.app.example.com TXT new:443 (TTL 60)
  remove  _dstack-app-address.app.example.com TXT challenge (TTL 60), left by an earlier run

Certificate
  order   there is no certificate yet

Warnings
  Of all.
  Something stays.

4 records would change, a certificate would be ordered. This was a plan: nothing was written.
`,
    ['Of all.', 'Something stays.'],
  ),
  plan(
    'nothing to do, in a zone without a name',
    { zones: [{ ...zone, zone: { id: 'z1', name: undefined } }] },
    `What a start would do for app.example.com:

Records in the zone z1 (cloudflare)
  right   app.example.com CNAME gateway.example.net (TTL 60)

Certificate
  stored  serial 0A1B, valid until 2026-12-30T00:00:00.000Z
  keep    renewal is due at 2026-11-30T00:00:00.000Z

No record would change, no certificate would be ordered. This was a plan: nothing was written.
`,
  ),
  plan(
    'several certificates, one of which has to wait',
    {
      names: ['a.example.com', '*.a.example.com', 'b.example.com'],
      zones: [{ ...zone, changes: create, unchanged: [] }],
      certificates: [
        { ...ordered, names: ['a.example.com', '*.a.example.com'] },
        { ...ordered, names: ['b.example.com'], deferral: held },
      ],
    },
    `What a start would do for a.example.com, *.a.example.com, b.example.com:

Records in the zone example.com (cloudflare)
  create  _dstack-app-address.app.example.com TXT new:443 (TTL 60)

Certificate for a.example.com, *.a.example.com
  order   there is no certificate yet
Certificate for b.example.com
  order   there is no certificate yet
  later   not before 2026-11-30T00:00:00.000Z: 4 failed authorizations of b.example.com in an hour

1 record would change, a certificate would be ordered. This was a plan: nothing was written.
`,
  ),
  plan(
    'records that cannot be planned',
    { unplanned: settled.names, zones: [], certificates: [ordered] },
    `What a start would do for app.example.com:

Certificate
  order   there is no certificate yet

Which records would change for app.example.com is not known, a certificate would be ordered. This was a plan: nothing was written.
`,
  ),
  {
    when: 'plan: a name whose records cannot be planned, and more names than are listed',
    say: () => {
      const found = { ...settled, names: many, unplanned: ['b.example.com'], zones: [], certificates: [] };
      return describeForecast(found, []);
    },
    message: `What a start would do for 4 names:

No record would change, which records would change for b.example.com is not known, no certificate would be ordered. This was a plan: nothing was written.
`,
  },
  planned(
    'an order that CAA forbids',
    {
      ...ordered,
      refused: new IngressError('CAA_FORBIDS', 'CAA at example.com forbids a certificate of app.example.com'),
    },
    `  order   there is no certificate yet
  but     CAA at example.com forbids a certificate of app.example.com (CAA_FORBIDS)`,
  ),
  planned(
    'an expired certificate, with what the CA last said',
    {
      ...kept,
      decision: {
        action: 'order',
        urgent: true,
        rule: 'missing',
        reason: 'the certificate cannot be served',
      },
      ending: { stage: 'expired', words: 'expired 2 days ago, at 2026-12-30T00:00:00.000Z' },
      lastRefusal: { at: due, code: 'ACME_ORDER_FAILED', message: 'no TXT record' },
    },
    `  stored  serial 0A1B, which expired 2 days ago, at 2026-12-30T00:00:00.000Z
  order   the certificate cannot be served
  last    refused at 2026-11-30T00:00:00.000Z: no TXT record (ACME_ORDER_FAILED)`,
  ),
  {
    when: 'plan: a server that does not answer',
    say: () => new PlanTimeout(120_000),
    message: 'No plan within 120 s: a server does not answer.',
  },
  {
    when: 'plan: warnings where no plan can be made',
    say: () => describeOnlyWarnings(['it expired']),
    message: 'Warnings\n  it expired\n',
  },
  {
    when: 'plan: an error',
    say: () => describeFailure(new IngressError('PROVIDER_UNREACHABLE', 'no answer within 15 s')),
    message:
      'no answer within 15 s (PROVIDER_UNREACHABLE)\n  -> Check the outgoing network of the container.\n',
  },
];

const at = (second: number) => `2026-01-02T03:04:0${second}.000Z`;
const state: State = {
  ...{ pid: 42, version: '1.2.3', provider: 'namecheap', startedAt: at(0) },
  names: [
    {
      domain: 'app.example.com',
      certificate: { serial: '04b1', notAfter: '2026-04-01T00:00:00.000Z' },
      renewal: {
        at: '2026-03-01T00:00:00.000Z',
        reason: 'renewal is due at 2026-03-01T00:00:00.000Z: a third is left',
      },
      pass: { at: at(1), outcome: 'finished' },
    },
    {
      domain: 'api.example.com',
      expired: { serial: '04b2', notAfter: '2026-01-01T03:04:09.000Z' },
      pass: { at: at(2), outcome: 'failed' },
      held: { until: at(8), sentence: 'used up' },
      failure: {
        ...{
          code: 'PROVIDER_UNREACHABLE',
          message: 'Namecheap could not be asked',
          hint: 'Check the network.',
        },
        ...{ retryable: true, nextAttempt: at(7) },
      },
    },
    { domain: 'new.example.com' },
  ],
  waiting: { since: at(3), sentence: 'waiting for the name servers', domain: 'new.example.com' },
  warnings: ['beware', 'and of this'],
};
const now = new Date(at(9));
const expiredLife = { serial: '04b1', notAfter: '2026-01-01T03:04:09.000Z' };
/** The row about the certificate of the only name. */
const certificateRow = (name: Omit<NameState, 'domain'>) =>
  /^certificate +(.*)$/m.exec(
    describeState({ ...state, names: [{ domain: 'app.example.com', ...name }] }, now),
  )?.[1];

const states: readonly WordingRow[] = [
  {
    when: 'status: several names',
    say: () => describeState(state, now),
    message: `ingress       3 names, records at namecheap, version 1.2.3, since 2026-01-02T03:04:00.000Z
name          app.example.com
certificate   serial 04b1, valid until 2026-04-01T00:00:00.000Z (88 days 20 hours left)
renewal       is due at 2026-03-01T00:00:00.000Z: a third is left
last run      finished at 2026-01-02T03:04:01.000Z
name          api.example.com
certificate   serial 04b2, expired 1 day ago, at 2026-01-01T03:04:09.000Z; it is not served
last run      failed at 2026-01-02T03:04:02.000Z
no order      before 2026-01-02T03:04:08.000Z: used up
failure       PROVIDER_UNREACHABLE: Namecheap could not be asked
              Check the network.
next attempt  2026-01-02T03:04:07.000Z
name          new.example.com
certificate   none is served yet
last run      none has ended yet
waiting       new.example.com: waiting for the name servers (since 2026-01-02T03:04:03.000Z)
warnings      beware
              and of this
`,
  },
  {
    when: 'status: one name, whose renewal is due',
    say: () => {
      const names = [{ domain: 'app.example.com', renewal: { reason: 'renewal has been due since then' } }];
      return describeState({ ...state, names, waiting: undefined, warnings: [] }, now);
    },
    message: `ingress       app.example.com, records at namecheap, version 1.2.3, since 2026-01-02T03:04:00.000Z
certificate   none is served yet
renewal       has been due since then
last run      none has ended yet
`,
  },
  {
    when: 'status: a certificate that has expired and is served',
    say: () => certificateRow({ certificate: expiredLife, expired: expiredLife }),
    message: 'serial 04b1, expired 1 day ago, at 2026-01-01T03:04:09.000Z',
  },
  {
    when: 'status: a certificate that has expired and is not served',
    say: () => certificateRow({ expired: expiredLife }),
    message: 'serial 04b1, expired 1 day ago, at 2026-01-01T03:04:09.000Z; it is not served',
  },
];

const sentences: Readonly<Record<keyof typeof healthCases, string>> = {
  'a valid certificate for the name, from any issuer':
    'healthy: serving app.example.com until 2026-12-30T00:00:00.000Z',
  'a wildcard': 'healthy: serving *.example.com until 2026-12-30T00:00:00.000Z',
  'an expired certificate':
    'unhealthy: the certificate expired less than a minute ago, at 2026-12-30T00:00:00.000Z',
  'a certificate for another name':
    'unhealthy: the certificate is for app.example.com, not for other.example.com',
  'a closed port': 'unhealthy: nothing answers on port 443',
  'a missing socket':
    'unhealthy: there is no socket in RUNTIME_DIR (/run/x), so port 443 cannot be checked: its files were deleted, or no ingress runs with it; restart the ingress',
  'a refused name': 'unhealthy: no certificate yet',
  'a refused name, as another OpenSSL calls it': 'unhealthy: no certificate yet',
  'any other error': 'unhealthy: port 443: read ECONNRESET',
  'no answer': 'unhealthy: port 443: no handshake within 3 s',
  'several, all served; the first end counts': 'healthy: serving 2 names until 2026-12-28T00:00:00.000Z',
  'several, four without a certificate':
    'healthy: serving 1 name until 2026-12-30T00:00:00.000Z; no certificate yet for a.x, c.x, d.x and 1 more',
  'several, none with a certificate': 'unhealthy: no certificate yet',
  'several, one expired': 'unhealthy: b.x: the certificate expired 2 days ago, at 2026-10-30T00:00:00.000Z',
  'several, one with the certificate of another': 'unhealthy: c.x: the certificate is for b.x, not for c.x',
  'several, a closed port': 'unhealthy: nothing answers on port 443',
  'some of many': 'healthy: serving 2 names (checked 2 of 1000) until 2026-12-30T00:00:00.000Z',
  'a start in which nothing has happened': 'starting: no certificate yet',
  'a start that waits': 'starting: no certificate yet: waiting for the name servers',
  'a start while the provider is down':
    'starting: no certificate yet: no answer (PROVIDER_UNREACHABLE); the next attempt is at 2026-11-01T00:01:00.000Z.',
  'a start with rejected credentials':
    'unhealthy: no certificate yet: bad token (PROVIDER_CREDENTIALS_REJECTED); the next attempt is at 2026-11-01T00:01:00.000Z. Make a new one.',
  'a start whose next order is far away':
    'unhealthy: no certificate yet: no order before 2026-11-01T01:00:00.000Z: used up',
  'a start of ten minutes':
    'unhealthy: no certificate yet: no answer (PROVIDER_UNREACHABLE); the next attempt is at 2026-11-01T00:01:00.000Z.',
  'a start of fifteen minutes that waits for something with an end':
    'starting: no certificate yet: waiting for the name servers',
  'a start with a certificate that had expired before':
    'unhealthy: the certificate expired 2 days ago, at 2026-10-30T00:00:00.000Z, so it is not served: no answer (PROVIDER_UNREACHABLE); the next attempt is at 2026-11-01T00:01:00.000Z.',
  'a start in which one of two names may come up without help':
    'starting: no certificate yet: bad token (PROVIDER_CREDENTIALS_REJECTED); the next attempt is at 2026-11-01T00:01:00.000Z. Make a new one.',
  'an expired certificate that is not served, beside a name that is':
    'unhealthy: b.x: the certificate expired 2 days ago, at 2026-10-30T00:00:00.000Z, so it is not served',
  'a certificate near its end that is not renewed':
    'healthy: serving a.x until 2026-12-30T00:00:00.000Z; the certificate for a.x ends in 6 hours, at 2026-12-30T00:00:00.000Z: no answer (PROVIDER_UNREACHABLE); the next attempt is at 2026-11-01T00:01:00.000Z.',
};
const healths = Object.entries<HealthCase>(healthCases).map(
  ([title, { handshakes, names, now, state }]): WordingRow => ({
    when: `health: ${title}`,
    say: () => judge(handshakes, { port: 443, runtimeDir: '/run/x', names, state }, now).sentence,
    // The key is one of the cases.
    message: sentences[title as keyof typeof healthCases],
  }),
);

/** What a wrong command line gets on standard error. */
async function complaintAbout(words: readonly string[]): Promise<string> {
  let written = '';
  const refuse = async () => 1;
  const commands = { run: refuse, plan: refuse, status: refuse, health: refuse };
  await runCommandLine(['node', 'main.js', ...words], '1.2.3', commands, (text) => {
    written += text;
  });
  return written;
}

const USAGE = 'Subcommands: run, plan, status, health (default: run); see --help.\n';
const wrong: readonly [words: string[], wrong: string][] = [
  [['serve'], 'there is no subcommand "serve"'],
  [['--loud', 'serve'], 'there is no subcommand "serve"'],
  [['evil\n\u001b[31m'], 'there is no subcommand "evil\\n\\u001b[31m"'],
  [['--loud'], "unknown option '--loud'"],
  [['plan', '--loud'], "unknown option '--loud'"],
  [['health', 'now'], "too many arguments for 'health'. Expected 0 arguments but got 1: now"],
];

export const rows: readonly WordingRow[] = [
  ...plans,
  ...states,
  ...healths,
  ...wrong.map(([words, message]) => ({
    when: `the command line ${JSON.stringify(words.join(' '))}`,
    say: () => complaintAbout(words),
    message: `dstack-ingress: ${message}. ${USAGE}`,
  })),
];
