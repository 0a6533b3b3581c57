import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change, CurrentRecord } from '../dns/record.ts';
import { desiredRecords } from './desired.ts';
import { aliasInTheWay, plan } from './plan.ts';

const ACCOUNT = 'https://ca.example/acct/1';
const CAA = `0 issue "letsencrypt.org;validationmethods=dns-01;accounturi=${ACCOUNT}"`;
const wanted = {
  domain: 'app.example.com',
  alias: { target: 'gateway.cluster.net' },
  appId: 'a'.repeat(40),
  port: 443,
  txtPrefix: '_dstack-app-address',
  caa: [{ issuer: 'letsencrypt.org', accountUrl: ACCOUNT }],
};
const TXT = '_dstack-app-address.app.example.com';
const APP = `${'a'.repeat(40)}:443`;
const desired = desiredRecords(wanted, (seconds) => seconds);

const live = (
  name: string,
  type: string,
  value: string,
  more: Partial<CurrentRecord> = {},
): CurrentRecord => ({
  ...{ name, type, value, ttl: 60 },
  ...more,
});
const complete = [
  live('app.example.com', 'CNAME', 'gateway.cluster.net'),
  live(TXT, 'TXT', APP),
  live('app.example.com', 'CAA', CAA),
];

const brief = (change: Change) => {
  const record = change.action === 'remove' ? change.removed : change.record;
  const over = change.action === 'replace' ? ` over ${change.replaced.value}` : '';
  return `${change.action} ${record.name} ${record.type} ${record.value}${over}`;
};

const without = (type: string) => complete.filter((record) => record.type !== type);
const foreign = live('app.example.com', 'CAA', '0 issue "other.example"');

const table: [title: string, live: CurrentRecord[], changes: string[], warnings?: RegExp[]][] = [
  [
    'an empty zone gets everything',
    [],
    [
      'create app.example.com CNAME gateway.cluster.net',
      `create ${TXT} TXT ${APP}`,
      `create app.example.com CAA ${CAA}`,
    ],
  ],
  ['what stands is left', complete, []],
  [
    "records of other names are nobody's business",
    [...complete, live('www.example.com', 'CNAME', 'x.example.com')],
    [],
  ],
  [
    'other types at managed names stay',
    [
      ...complete,
      live('app.example.com', 'TXT', 'v=spf1 -all'),
      live('app.example.com', 'MX', '10 mx.example.com'),
      live(TXT, 'CAA', '0 issue ";"'),
    ],
    [],
  ],
  [
    'addresses give way to the alias',
    [
      ...without('CNAME'),
      live('app.example.com', 'A', '192.0.2.1'),
      live('app.example.com', 'AAAA', '2001:db8::1'),
    ],
    [
      'remove app.example.com A 192.0.2.1',
      'remove app.example.com AAAA 2001:db8::1',
      'create app.example.com CNAME gateway.cluster.net',
    ],
  ],
  [
    'another alias is replaced in place',
    [...without('CNAME'), live('app.example.com', 'CNAME', 'old.cluster.net')],
    ['replace app.example.com CNAME gateway.cluster.net over old.cluster.net'],
  ],
  [
    'a stray address beside the right alias is removed',
    [...complete, live('app.example.com', 'A', '192.0.2.1')],
    ['remove app.example.com A 192.0.2.1'],
  ],
  [
    "an alias behind the provider's proxy is not the alias",
    [...without('CNAME'), live('app.example.com', 'CNAME', 'gateway.cluster.net', { overriddenBy: 'proxy' })],
    ['replace app.example.com CNAME gateway.cluster.net over gateway.cluster.net'],
  ],
  [
    'a wrong TTL is corrected in place',
    [...without('TXT'), live(TXT, 'TXT', APP, { ttl: 300 })],
    [`replace ${TXT} TXT ${APP} over ${APP}`],
  ],
  [
    'the right value with a wrong TTL is corrected, whatever else is there',
    [...without('TXT'), live(TXT, 'TXT', 'stale:1'), live(TXT, 'TXT', APP, { ttl: 300 })],
    [`remove ${TXT} TXT stale:1`, `replace ${TXT} TXT ${APP} over ${APP}`],
  ],
  [
    'exactly one value stays at the app-address name',
    [...complete, live(TXT, 'TXT', 'stale:1'), live(TXT, 'TXT', 'stale:2')],
    [`remove ${TXT} TXT stale:1`, `remove ${TXT} TXT stale:2`],
  ],
  [
    'of two wrong values one is replaced, one removed',
    [...without('TXT'), live(TXT, 'TXT', 'stale:1'), live(TXT, 'TXT', 'stale:2')],
    [`remove ${TXT} TXT stale:2`, `replace ${TXT} TXT ${APP} over stale:1`],
  ],
  [
    'CAA of the same tag and issuer is replaced, whatever its parameters',
    [...without('CAA'), live('app.example.com', 'CAA', '0 issue "LetsEncrypt.org; accounturi=https://old"')],
    [`replace app.example.com CAA ${CAA} over 0 issue "LetsEncrypt.org; accounturi=https://old"`],
  ],
  [
    'CAA of another issuer stays, with a warning',
    [...complete, foreign],
    [],
    [/other\.example".* still permits other\.example to issue for app\.example\.com/],
  ],
  [
    'CAA of another tag stays, with a warning',
    [...complete, live('app.example.com', 'CAA', '0 issuewild "letsencrypt.org"')],
    [],
    [/still permits letsencrypt\.org to issue wildcards/],
  ],
  [
    'CAA that permits nobody stays',
    [...complete, live('app.example.com', 'CAA', '0 issue ";"')],
    [],
    [/permits nobody/],
  ],
  [
    'iodef stays',
    [...complete, live('app.example.com', 'CAA', '0 iodef "mailto:a@example.com"')],
    [],
    [/permits no certificate/],
  ],
];
for (const [title, standing, changes, warnings = []] of table) {
  test(title, () => {
    const planned = plan(desired, standing);
    assert.deepEqual(planned.changes.map(brief), changes);
    assert.equal(planned.warnings.length, warnings.length, planned.warnings.join('\n'));
    for (const [index, warning] of warnings.entries()) assert.match(planned.warnings[index] ?? '', warning);
  });
  test(`${title}: a second plan plans nothing`, () => {
    assert.deepEqual(plan(desired, applied(standing, plan(desired, standing).changes)).changes, []);
  });
}

function applied(standing: readonly CurrentRecord[], changes: readonly Change[]): CurrentRecord[] {
  const gone = changes.flatMap((change) => {
    if (change.action === 'create') return [];
    return [change.action === 'remove' ? change.removed : change.replaced];
  });
  const made = changes.flatMap((change) => (change.action === 'remove' ? [] : [change.record]));
  return [...standing.filter((record) => !gone.includes(record)), ...made];
}

test('without SET_CAA no CAA record is wanted and none is touched', () => {
  const records = desiredRecords({ ...wanted, caa: undefined }, (seconds) => seconds);
  const { changes, warnings } = plan(records, [...without('CAA'), foreign]);
  assert.deepEqual({ changes, warnings }, { changes: [], warnings: [] });
});

test('a wildcard has its TXT and issuewild at the base name', () => {
  const records = desiredRecords({ ...wanted, domain: '*.example.com' }, (seconds) => seconds);
  assert.deepEqual(
    records.map(({ name, type, value }) => `${name} ${type} ${value.split(';')[0]}`),
    [
      '*.example.com CNAME gateway.cluster.net',
      `_dstack-app-address-wildcard.example.com TXT ${APP}`,
      'example.com CAA 0 issuewild "letsencrypt.org',
    ],
  );
});

test('TTLs are wanted as the provider will answer them', () => {
  assert.deepEqual([...new Set(desiredRecords(wanted, () => 300).map(({ ttl }) => ttl))], [300]);
});

test('a CAA record that was open to every account is replaced with a warning', () => {
  const open = live('app.example.com', 'CAA', '0 issue "letsencrypt.org"');
  const { changes, warnings } = plan(desired, [...without('CAA'), open]);
  assert.deepEqual(changes.map(brief), [`replace app.example.com CAA ${CAA} over 0 issue "letsencrypt.org"`]);
  assert.match(warnings.join(), /from now on only this account may issue for app\.example\.com/);
});

for (const ownership of ['claim', 'retain', 'yield'] as const)
  test(`a CAA record of an account of ours that has ended gives way where the ownership is to ${ownership}; that of others does not for it`, () => {
    const old = 'https://ca.example/acct/ended';
    const caa = [{ issuer: 'letsencrypt.org', accountUrl: ACCOUNT, ended: [old] }];
    const records = desiredRecords({ ...wanted, caa }, (seconds) => seconds);
    const value = (url: string) => `0 issue "letsencrypt.org;validationmethods=dns-01;accounturi=${url}"`;
    const [ended, other] = [old, `${old}2`].map((url) => live('app.example.com', 'CAA', value(url)));
    assert.ok(ended && other);
    const { changes, warnings } = plan(records, [...complete, ended, other], undefined, () => ownership);
    const removed = changes.flatMap((change) => (change.action === 'remove' ? [change.removed] : []));
    assert.deepEqual(removed, ownership === 'claim' ? [ended, other] : [ended]);
    assert.ok(!warnings.some((warning) => warning.includes(`${old};`) || warning.includes(`${old}"`)));
  });

const byAddress = desiredRecords(
  { ...wanted, caa: undefined, alias: { addresses: ['192.0.2.1', '192.0.2.2', '2001:db8::1'] } },
  (seconds) => seconds,
);
const txt = live(TXT, 'TXT', APP);
const at = (type: string, value: string) => live('app.example.com', type, value);
const addressTable: [title: string, live: CurrentRecord[], changes: string[]][] = [
  [
    'the addresses of the gateway take the place of an alias',
    [txt, at('CNAME', 'gateway.cluster.net')],
    [
      'remove app.example.com CNAME gateway.cluster.net',
      'create app.example.com A 192.0.2.1',
      'create app.example.com A 192.0.2.2',
      'create app.example.com AAAA 2001:db8::1',
    ],
  ],
  [
    'an address that moved is replaced, the others are left',
    [txt, at('A', '192.0.2.9'), at('A', '192.0.2.2'), at('AAAA', '2001:db8::1')],
    ['replace app.example.com A 192.0.2.1 over 192.0.2.9'],
  ],
  [
    'an address that the gateway has no more is removed',
    [txt, at('A', '192.0.2.1'), at('A', '192.0.2.2'), at('A', '192.0.2.3'), at('AAAA', '2001:db8::1')],
    ['remove app.example.com A 192.0.2.3'],
  ],
];
for (const [title, standing, changes] of addressTable) {
  test(title, () => {
    const planned = plan(byAddress, standing).changes;
    assert.deepEqual(planned.map(brief), changes);
    assert.deepEqual(plan(byAddress, applied(standing, planned)).changes, []);
  });
}

test('a TTL that is shared with a record that stays is not ours to choose', () => {
  const ours = live('app.example.com', 'CAA', CAA, { ttl: 3600 });
  const theirs = { ...foreign, ttl: 3600 };
  const changes = (standing: CurrentRecord[], sharesTtl: boolean) =>
    plan(desired, [...without('CAA'), ...standing], { sharesTtl }).changes.map(brief);
  const corrected = [`replace app.example.com CAA ${CAA} over ${CAA}`];
  assert.deepEqual(changes([ours, theirs], true), []);
  assert.deepEqual(changes([ours, theirs], false), corrected);
  assert.deepEqual(changes([ours], true), corrected);
  assert.deepEqual(changes([ours, { ...theirs, name: 'www.example.com' }], true), corrected);
});

test('an alias at the name of another desired record is in the way, unless it goes', () => {
  const inTheWay = (standing: CurrentRecord[]) =>
    aliasInTheWay(byAddress, plan(byAddress, standing), standing);
  const stray = live(TXT, 'CNAME', 'elsewhere.example.net');
  assert.equal(inTheWay([stray]), stray);
  assert.equal(inTheWay([live('app.example.com', 'CNAME', 'gateway.cluster.net')]), undefined);
  assert.equal(inTheWay([live('www.example.com', 'CNAME', 'x.example.net')]), undefined);
});
