import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Change, type CurrentRecord, describeRecord } from '../dns/record.ts';
import { desiredRecords } from './desired.ts';
import { blockingCname, type Plan, plan } from './plan.ts';

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

const record = (
  name: string,
  type: string,
  value: string,
  more: Partial<CurrentRecord> = {},
): CurrentRecord => ({
  ...{ name, type, value, ttl: 60 },
  ...more,
});
const complete = [
  record('app.example.com', 'CNAME', 'gateway.cluster.net'),
  record(TXT, 'TXT', APP),
  record('app.example.com', 'CAA', CAA),
];

const brief = (change: Change) => {
  const record = change.action === 'remove' ? change.removed : change.record;
  const over = change.action === 'replace' ? ` over ${change.replaced.value}` : '';
  return `${change.action} ${record.name} ${record.type} ${record.value}${over}`;
};

const without = (type: string) => complete.filter((one) => one.type !== type);
const caa = (value: string) => record('app.example.com', 'CAA', value);
const foreign = caa('0 issue "other.example"');
const wildcards = caa('0 issuewild "letsencrypt.org"');
const noCa = caa('0 issue ";"');
const iodef = caa('0 iodef "mailto:a@example.com"');

/** In each row, one warning reports each foreign record that the plan leaves. */
const table: [title: string, current: CurrentRecord[], changes: string[], reported?: CurrentRecord[]][] = [
  [
    'an empty zone gets all records',
    [],
    [
      'create app.example.com CNAME gateway.cluster.net',
      `create ${TXT} TXT ${APP}`,
      `create app.example.com CAA ${CAA}`,
    ],
  ],
  ['current records that are as desired are unchanged', complete, []],
  ['records of other names stay', [...complete, record('www.example.com', 'CNAME', 'x.example.com')], []],
  [
    'other types at managed names stay',
    [
      ...complete,
      record('app.example.com', 'TXT', 'v=spf1 -all'),
      record('app.example.com', 'MX', '10 mx.example.com'),
      record(TXT, 'CAA', '0 issue ";"'),
    ],
    [],
  ],
  [
    'addresses are removed for the CNAME',
    [
      ...without('CNAME'),
      record('app.example.com', 'A', '192.0.2.1'),
      record('app.example.com', 'AAAA', '2001:db8::1'),
    ],
    [
      'remove app.example.com A 192.0.2.1',
      'remove app.example.com AAAA 2001:db8::1',
      'create app.example.com CNAME gateway.cluster.net',
    ],
  ],
  [
    'another CNAME is replaced in place',
    [...without('CNAME'), record('app.example.com', 'CNAME', 'old.cluster.net')],
    ['replace app.example.com CNAME gateway.cluster.net over old.cluster.net'],
  ],
  [
    'a foreign address beside the desired CNAME is removed',
    [...complete, record('app.example.com', 'A', '192.0.2.1')],
    ['remove app.example.com A 192.0.2.1'],
  ],
  [
    "a CNAME that the provider's proxy overrides is replaced",
    [
      ...without('CNAME'),
      record('app.example.com', 'CNAME', 'gateway.cluster.net', { overriddenBy: 'proxy' }),
    ],
    ['replace app.example.com CNAME gateway.cluster.net over gateway.cluster.net'],
  ],
  [
    'a wrong TTL is corrected in place',
    [...without('TXT'), record(TXT, 'TXT', APP, { ttl: 300 })],
    [`replace ${TXT} TXT ${APP} over ${APP}`],
  ],
  [
    'the desired value with a wrong TTL is corrected in place, and stale values are removed',
    [...without('TXT'), record(TXT, 'TXT', 'stale:1'), record(TXT, 'TXT', APP, { ttl: 300 })],
    [`remove ${TXT} TXT stale:1`, `replace ${TXT} TXT ${APP} over ${APP}`],
  ],
  [
    'all other values at the app-address name are removed',
    [...complete, record(TXT, 'TXT', 'stale:1'), record(TXT, 'TXT', 'stale:2')],
    [`remove ${TXT} TXT stale:1`, `remove ${TXT} TXT stale:2`],
  ],
  [
    'of two stale values one is replaced and one is removed',
    [...without('TXT'), record(TXT, 'TXT', 'stale:1'), record(TXT, 'TXT', 'stale:2')],
    [`remove ${TXT} TXT stale:2`, `replace ${TXT} TXT ${APP} over stale:1`],
  ],
  [
    'CAA of the same tag and issuer is replaced, whatever its parameters',
    [
      ...without('CAA'),
      record('app.example.com', 'CAA', '0 issue "LetsEncrypt.org; accounturi=https://old"'),
    ],
    [`replace app.example.com CAA ${CAA} over 0 issue "LetsEncrypt.org; accounturi=https://old"`],
  ],
  ['CAA of another issuer stays, with a warning', [...complete, foreign], [], [foreign]],
  ['CAA of another tag stays, with a warning', [...complete, wildcards], [], [wildcards]],
  ['CAA that permits no CA stays, with a warning', [...complete, noCa], [], [noCa]],
  ['iodef stays, with a warning', [...complete, iodef], [], [iodef]],
];
for (const [title, current, changes, reported = []] of table) {
  test(title, () => {
    const planned = plan(desired, current);
    assert.deepEqual(planned.changes.map(brief), changes);
    assert.deepEqual(reportedBy(planned, current), reported);
  });
  test(`${title}: a second plan has no changes`, () => {
    assert.deepEqual(plan(desired, applied(current, plan(desired, current).changes)).changes, []);
  });
}

/** The current records that the warnings are about, one for each warning. */
function reportedBy({ warnings }: Pick<Plan, 'warnings'>, current: readonly CurrentRecord[]) {
  return warnings.map((warning) => current.find((one) => warning.startsWith(`${describeRecord(one)} `)));
}

function applied(current: readonly CurrentRecord[], changes: readonly Change[]): CurrentRecord[] {
  const gone = changes.flatMap((change) => {
    if (change.action === 'create') return [];
    return [change.action === 'remove' ? change.removed : change.replaced];
  });
  const made = changes.flatMap((change) => (change.action === 'remove' ? [] : [change.record]));
  return [...current.filter((one) => !gone.includes(one)), ...made];
}

test('without SET_CAA no CAA record is desired and none is changed', () => {
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

test('desired TTLs are those that the provider will answer with', () => {
  assert.deepEqual([...new Set(desiredRecords(wanted, () => 300).map(({ ttl }) => ttl))], [300]);
});

test('a CAA record that was open to every account is replaced with a warning', () => {
  const open = record('app.example.com', 'CAA', '0 issue "letsencrypt.org"');
  const current = [...without('CAA'), open];
  const { changes, warnings } = plan(desired, current);
  assert.deepEqual(changes.map(brief), [`replace app.example.com CAA ${CAA} over 0 issue "letsencrypt.org"`]);
  assert.deepEqual(reportedBy({ warnings }, current), [open]);
});

for (const ownership of ['claim', 'retain', 'yield'] as const)
  test(`ownership ${ownership}: a CAA record of our ended account is replaced, and that of another account only when claiming`, () => {
    const old = 'https://ca.example/acct/ended';
    const caa = [{ issuer: 'letsencrypt.org', accountUrl: ACCOUNT, ended: [old] }];
    const records = desiredRecords({ ...wanted, caa }, (seconds) => seconds);
    const value = (url: string) => `0 issue "letsencrypt.org;validationmethods=dns-01;accounturi=${url}"`;
    const [ended, other] = [old, `${old}2`].map((url) => record('app.example.com', 'CAA', value(url)));
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
const txt = record(TXT, 'TXT', APP);
const at = (type: string, value: string) => record('app.example.com', type, value);
const addressTable: [title: string, current: CurrentRecord[], changes: string[]][] = [
  [
    'the addresses of the gateway replace a CNAME',
    [txt, at('CNAME', 'gateway.cluster.net')],
    [
      'remove app.example.com CNAME gateway.cluster.net',
      'create app.example.com A 192.0.2.1',
      'create app.example.com A 192.0.2.2',
      'create app.example.com AAAA 2001:db8::1',
    ],
  ],
  [
    'an address that changed is replaced, and the others are unchanged',
    [txt, at('A', '192.0.2.9'), at('A', '192.0.2.2'), at('AAAA', '2001:db8::1')],
    ['replace app.example.com A 192.0.2.1 over 192.0.2.9'],
  ],
  [
    'an address that the gateway no longer has is removed',
    [txt, at('A', '192.0.2.1'), at('A', '192.0.2.2'), at('A', '192.0.2.3'), at('AAAA', '2001:db8::1')],
    ['remove app.example.com A 192.0.2.3'],
  ],
];
for (const [title, current, changes] of addressTable) {
  test(title, () => {
    const planned = plan(byAddress, current).changes;
    assert.deepEqual(planned.map(brief), changes);
    assert.deepEqual(plan(byAddress, applied(current, planned)).changes, []);
  });
}

test('a TTL that is shared with a foreign record is not corrected', () => {
  const ours = record('app.example.com', 'CAA', CAA, { ttl: 3600 });
  const theirs = { ...foreign, ttl: 3600 };
  const changes = (current: CurrentRecord[], sharesTtl: boolean) =>
    plan(desired, [...without('CAA'), ...current], { sharesTtl }).changes.map(brief);
  const corrected = [`replace app.example.com CAA ${CAA} over ${CAA}`];
  assert.deepEqual(changes([ours, theirs], true), []);
  assert.deepEqual(changes([ours, theirs], false), corrected);
  assert.deepEqual(changes([ours], true), corrected);
  assert.deepEqual(changes([ours, { ...theirs, name: 'www.example.com' }], true), corrected);
});

test('a CNAME blocks a desired record of another type at its name, unless the plan removes it', () => {
  const blocking = (current: CurrentRecord[]) => blockingCname(byAddress, plan(byAddress, current), current);
  const cname = record(TXT, 'CNAME', 'elsewhere.example.net');
  assert.equal(blocking([cname]), cname);
  assert.equal(blocking([record('app.example.com', 'CNAME', 'gateway.cluster.net')]), undefined);
  assert.equal(blocking([record('www.example.com', 'CNAME', 'x.example.net')]), undefined);
});
