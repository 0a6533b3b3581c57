import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Forecast } from '../reconcile/forecast.ts';
import { describeForecasts } from './describe-forecast.ts';

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

const settled: Forecast = {
  domain: 'app.example.com',
  provider: 'cloudflare',
  zone: { id: 'z1', name: 'example.com' },
  changes: [],
  standing: [alias],
  leftovers: [],
  certificate: {
    stored: facts,
    decision: { action: 'keep', until: due, reason: 'renewal is due at 2026-11-30T00:00:00.000Z' },
  },
  warnings: [],
};

test('every kind of change, with values, and what would be ordered', () => {
  const found: Forecast = {
    ...settled,
    changes: [
      { action: 'remove', removed: { ...alias, value: 'old.example.net', overriddenBy: 'cloudflare-proxy' } },
      { action: 'replace', replaced: address, record: alias },
      { action: 'create', record: txt('new:443') },
    ],
    standing: [],
    leftovers: [txt('challenge')],
    certificate: {
      stored: undefined,
      decision: { action: 'order', urgent: true, reason: 'there is no certificate yet' },
    },
    warnings: ['Something stays.', 'Something else.'],
  };
  assert.equal(
    describeForecasts([found], ['Of all.']),
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
  Something else.

4 records would change, a certificate would be ordered. This was a plan: nothing was written.
`,
  );
});

test('nothing to do', () => {
  assert.equal(
    describeForecasts([{ ...settled, zone: { id: 'z1', name: undefined } }], []),
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
  const text = describeForecasts([{ ...settled, standing: [txt('\u001b[2J\nfake line \u202e')] }], []);
  assert.match(text, /TXT \\u001b\[2J\\u000afake line \\u202e \(TTL 60\)/);
});

test('several names, one after the other, and what they come to together', () => {
  const order = {
    stored: undefined,
    decision: { action: 'order', urgent: true, reason: 'there is no certificate yet' },
  } as const;
  const names = ['a', 'b'].map((label) => ({
    ...settled,
    domain: `${label}.example.com`,
    changes: [{ action: 'create', record: txt('new:443') } as const],
    standing: [],
    certificate: order,
    warnings: [`Of ${label}.`],
  }));
  const block = (label: string) => `What a start would do for ${label}.example.com:

Records in the zone example.com (cloudflare)
  create  _dstack-app-address.app.example.com TXT new:443 (TTL 60)

Certificate
  order   there is no certificate yet

Warnings
  Of ${label}.
`;
  assert.equal(
    describeForecasts(names, ['Of all.']),
    `${block('a')}
${block('b')}
Warnings
  Of all.

2 records would change, 2 certificates would be ordered. This was a plan: nothing was written.
`,
  );
});
