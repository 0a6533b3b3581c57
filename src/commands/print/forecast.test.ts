import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IngressError } from '../../errors.ts';
import type { CertificateForecast, Forecast, ZoneForecast } from '../../reconcile/forecast.ts';
import { describeForecast, describeOnlyWarnings } from './forecast.ts';

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
  standing: [alias],
  leftovers: [],
};
const kept: CertificateForecast = {
  names: ['app.example.com'],
  stored: facts,
  decision: { action: 'keep', until: due, reason: 'renewal is due at 2026-11-30T00:00:00.000Z' },
  ...{ held: undefined, refused: undefined, ending: undefined, lastRefusal: undefined },
};
const settled: Forecast = {
  ...{ provider: 'cloudflare', names: ['app.example.com'], unplanned: [] },
  ...{ zones: [zone], certificates: [kept], failures: [] },
};
const ordered: CertificateForecast = {
  names: ['app.example.com'],
  stored: undefined,
  decision: { action: 'order', urgent: true, reason: 'there is no certificate yet' },
  ...{ held: undefined, refused: undefined, ending: undefined, lastRefusal: undefined },
};

test('every kind of change, with values, and what would be ordered', () => {
  const found: Forecast = {
    ...settled,
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
        standing: [],
        leftovers: [txt('challenge')],
      },
    ],
    certificates: [ordered],
  };
  assert.equal(
    describeForecast(found, ['Of all.', 'Something stays.']),
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
  );
});

test('nothing to do', () => {
  assert.equal(
    describeForecast({ ...settled, zones: [{ ...zone, zone: { id: 'z1', name: undefined } }] }, []),
    `What a start would do for app.example.com:

Records in the zone z1 (cloudflare)
  right   app.example.com CNAME gateway.example.net (TTL 60)

Certificate
  stored  serial 0A1B, valid until 2026-12-30T00:00:00.000Z
  keep    renewal is due at 2026-11-30T00:00:00.000Z

No record would change, no certificate would be ordered. This was a plan: nothing was written.
`,
  );
});

test('what a stranger wrote into the zone cannot steer the terminal', () => {
  const zones = [{ ...zone, standing: [txt('\u001b[2J\nfake line \u202e')] }];
  assert.match(
    describeForecast({ ...settled, zones }, []),
    /TXT \\u001b\[2J\\u000afake line \\u202e \(TTL 60\)/,
  );
});

test('several certificates, what each has, and one that has to wait', () => {
  const held = { until: due, reason: '4 failed authorizations of b.example.com in an hour' };
  const certificates: CertificateForecast[] = [
    { ...ordered, names: ['a.example.com', '*.a.example.com'] },
    { ...ordered, names: ['b.example.com'], held },
  ];
  const changes = [{ action: 'create', record: txt('new:443') } as const];
  const names = certificates.flatMap((certificate) => certificate.names);
  assert.equal(
    describeForecast({ ...settled, names, zones: [{ ...zone, changes, standing: [] }], certificates }, []),
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
  );
});

test('an order that a start would not make is not promised', () => {
  const refused = new IngressError(
    'CAA_FORBIDS',
    'CAA at example.com forbids a certificate of app.example.com',
  );
  assert.match(
    describeForecast({ ...settled, certificates: [{ ...ordered, refused }] }, []),
    / {2}order {3}there is no certificate yet\n {2}but {5}CAA at example\.com .* \(CAA_FORBIDS\)\n\nNo record would change, no certificate would be ordered/,
  );
});

test('many names are counted', () => {
  const names = ['a', 'b', 'c', 'd'].map((label) => `${label}.example.com`);
  assert.match(describeForecast({ ...settled, names }, []), /^What a start would do for 4 names:/);
});

test('records that cannot be planned are not said to stay, and a certificate is foreseen all the same', () => {
  const none = { ...settled, unplanned: settled.names, zones: [], certificates: [ordered] };
  assert.equal(
    describeForecast(none, []),
    `What a start would do for app.example.com:

Certificate
  order   there is no certificate yet

Which records would change for app.example.com is not known, a certificate would be ordered. This was a plan: nothing was written.
`,
  );
  const some = { ...settled, names: ['app.example.com', 'b.example.net'], unplanned: ['b.example.net'] };
  assert.match(
    describeForecast(some, []),
    /\nNo record would change, which records would change for b\.example\.net is not known, no certificate/,
  );
});

test('a certificate near its end, or past it, is named so, with what the CA last said', () => {
  const lastRefusal = { at: due, code: 'ACME_ORDER_FAILED', message: 'no TXT record' };
  const words = 'expired 2 days ago, at 2026-12-30T00:00:00.000Z';
  const decision = { action: 'order', urgent: true, reason: 'the certificate cannot be served' } as const;
  const expired = { ...kept, decision, ending: { stage: 'expired', words }, lastRefusal } as const;
  assert.match(
    describeForecast({ ...settled, certificates: [expired] }, []),
    /^ {2}stored {2}serial 0A1B, which expired 2 days ago, at 2026-12-30T00:00:00.000Z\n {2}order .*\n {2}last {4}refused at 2026-11-30T00:00:00.000Z: no TXT record \(ACME_ORDER_FAILED\)$/m,
  );
});

test('where no plan can be made, what is to be known is told all the same', () => {
  assert.equal(describeOnlyWarnings([]), '');
  assert.equal(describeOnlyWarnings(['it expired']), 'Warnings\n  it expired\n');
});
