import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyChanges } from '../../test/harness/dns/apply-changes.ts';
import { type Change, type CurrentRecord, type DnsRecord, describeRecord, sameData } from '../dns/record.ts';
import { type DesiredRecord, desiredRecords } from './desired.ts';
import type { Ownership } from './ownership.ts';
import { aliasInTheWay, type PlanCapabilities, plan } from './plan.ts';

/** Plans for several names and accounts at once, and for names that another container may have. */

const NAME = 'app.example.com';
const WILD = `*.${NAME}`;
const TXT = `_dstack-app-address.${NAME}`;
const [OWN, RIVAL] = ['bb:443', 'aa:443'];
const account = (number: number, tag = 'issue') =>
  `0 ${tag} "ca.example;validationmethods=dns-01;accounturi=https://ca.example/acct/${number}"`;
const live = (type: string, value: string, name = NAME, ttl = 60): CurrentRecord => ({
  name,
  type,
  value,
  ttl,
});

function recordsOf(domain: string, alias: 'name' | 'addresses' = 'name'): DesiredRecord[] {
  const wanted = {
    domain,
    alias: alias === 'name' ? { target: 'gw.example.net' } : { addresses: ['192.0.2.1', '192.0.2.2'] },
    ...{ appId: 'bb', port: 443, txtPrefix: '_dstack-app-address' },
  };
  // A production and a staging account of one issuer.
  const ofAccount = (number: number) => {
    const caa = [{ issuer: 'ca.example', accountUrl: `https://ca.example/acct/${number}` }];
    return desiredRecords({ ...wanted, caa }, (seconds) => seconds);
  };
  return [...ofAccount(1), ...ofAccount(2).filter(({ purpose }) => purpose === 'caa')];
}
const planned = (standing: readonly CurrentRecord[], ownership: Ownership, fit?: PlanCapabilities) =>
  plan(recordsOf(NAME), standing, fit, () => ownership);
const brief = (change: Change) => {
  const record = change.action === 'remove' ? change.removed : change.record;
  return `${change.action} ${describeRecord(record)}`;
};
const changesOf = (standing: readonly CurrentRecord[], ownership: Ownership) =>
  planned(standing, ownership).changes.map(brief);

const ours = [
  live('CNAME', 'gw.example.net'),
  live('TXT', OWN, TXT),
  live('CAA', account(1)),
  live('CAA', account(2)),
];
const theirs = [live('CNAME', 'gw.other.net'), live('TXT', RIVAL, TXT), live('CAA', account(9))];

test('two accounts of one issuer stand side by side', () => {
  assert.deepEqual(changesOf(ours, 'claim'), []);
  for (const ownership of ['claim', 'retain', 'yield'] as const)
    assert.deepEqual(planned(ours, ownership).warnings, []);
  assert.deepEqual(changesOf(ours.slice(0, 3), 'claim'), [`create ${NAME} CAA ${account(2)}`]);
});

test('a record that is desired twice is made once', () => {
  const twice = [...recordsOf(NAME), ...recordsOf(NAME)];
  const { changes } = plan(twice, []);
  assert.deepEqual(
    changes.map(brief),
    ours.map((record) => `create ${describeRecord(record)}`),
  );
});

test('a start that takes the name replaces what another container has', () => {
  assert.deepEqual(planned(theirs, 'claim').changes.map(brief), [
    `replace ${NAME} CNAME gw.example.net`,
    `replace ${TXT} TXT ${OWN}`,
    `replace ${NAME} CAA ${account(1)}`,
    `create ${NAME} CAA ${account(2)}`,
  ]);
});

test('an account of a wildcard gives way to one of the wildcard', () => {
  const changes = (tag: string) =>
    plan([...recordsOf(NAME), ...recordsOf(WILD)], [live('CAA', account(9, tag))])
      .changes.filter(({ action }) => action === 'replace')
      .map(brief);
  assert.deepEqual(changes('issue'), [`replace ${NAME} CAA ${account(1)}`]);
  assert.deepEqual(changes('issuewild'), [`replace ${NAME} CAA ${account(1, 'issuewild')}`]);
});

test('what another container has is left to it, and its account beside ours', () => {
  const { changes, desired, warnings } = planned(theirs, 'yield');
  assert.deepEqual(changes.map(brief), [
    `create ${NAME} CAA ${account(1)}`,
    `create ${NAME} CAA ${account(2)}`,
  ]);
  assert.deepEqual(
    desired.map(({ purpose }) => purpose),
    ['caa', 'caa'],
  );
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /acct\/9" stays beside ours/);
});

test('what is missing is made again, beside the account of another container', () => {
  assert.deepEqual(changesOf([live('CAA', account(9)), ...ours.slice(3)], 'retain'), [
    `create ${NAME} CNAME gw.example.net`,
    `create ${TXT} TXT ${OWN}`,
    `create ${NAME} CAA ${account(1)}`,
  ]);
});

test('of two values at the app-address name the holder leaves one', () => {
  const both = [...ours, live('TXT', RIVAL, TXT)];
  assert.deepEqual(changesOf(both, 'retain'), [`remove ${TXT} TXT ${RIVAL}`]);
  assert.deepEqual(changesOf(both, 'yield'), [`remove ${TXT} TXT ${OWN}`]);
  assert.deepEqual(changesOf(ours, 'yield'), [], 'the only one stays');
});

test('two values that are both of others are left, and a start that takes the name ends with one', () => {
  const abandoned = [live('TXT', RIVAL, TXT), live('TXT', 'cc:443', TXT)];
  const atAddress = (ownership: Ownership) =>
    changesOf(abandoned, ownership).filter((text) => text.includes(TXT));
  assert.deepEqual(atAddress('yield'), []);
  assert.deepEqual(atAddress('claim'), [`remove ${TXT} TXT cc:443`, `replace ${TXT} TXT ${OWN}`]);
});

test('a CAA record that is open to every account stays with a warning where nothing is taken', () => {
  const open = live('CAA', '0 issue "CA.example"');
  assert.deepEqual(changesOf([...ours, open], 'retain'), []);
  assert.match(planned([...ours, open], 'retain').warnings.join(), /still permits ca\.example to issue for/);
  const { warnings } = planned([...ours, open], 'claim');
  assert.match(warnings.join(), /is replaced: from now on only these accounts may issue/);
});

test('no warning tells of a record that another name wants', () => {
  const both = [...recordsOf(NAME), ...recordsOf(WILD)];
  const standing = [
    live('CAA', account(1, 'issuewild')),
    live('CAA', account(2)),
    live('CAA', '0 issue ";"'),
  ];
  const { changes, warnings } = plan(both, standing);
  assert.equal(warnings.length, 1, 'and what stays is told once for all of them');
  assert.match(warnings.join(), /permits nobody/);
  assert.deepEqual(
    changes.map(brief).filter((text) => text.includes('CAA')),
    [`create ${NAME} CAA ${account(1)}`, `create ${NAME} CAA ${account(2, 'issuewild')}`],
  );
});

test('a CAA record is left out where it cannot stand beside the alias of another container', () => {
  const alone = { sharesTtl: false, cnameBesideOthers: false };
  const standing = theirs.slice(0, 2);
  const held = planned(standing, 'yield', alone);
  assert.deepEqual({ changes: held.changes, desired: held.desired }, { changes: [], desired: [] });
  assert.match(held.warnings.join(), /acct\/1" is left out: .* nothing can stand beside it/);
  assert.equal(aliasInTheWay(held.desired, held, standing), undefined);
  const kept = planned(standing, 'retain', alone);
  assert.deepEqual(kept.desired, recordsOf(NAME), 'of a name that is ours nothing is left out');
  const ownershipOf = (record: DesiredRecord) => (record.for === WILD ? 'yield' : 'retain');
  const all = [...recordsOf(NAME, 'addresses'), ...recordsOf(WILD)];
  const { desired } = plan(all, standing, alone, ownershipOf);
  const wild = desired.filter((record) => record.for === WILD);
  assert.equal(wild.length, 2, 'where the alias gives way to our addresses it stands');
});

test('the TTL of our CAA record is not ours to choose where one of another account stays beside it', () => {
  const slow = ours.map((record) => (record.type === 'CAA' ? { ...record, ttl: 300 } : record));
  const beside = [...slow, live('CAA', account(9), NAME, 300)];
  const writes = (standing: CurrentRecord[]) =>
    planned(standing, 'retain', { sharesTtl: true }).changes.length;
  assert.deepEqual([writes(beside), writes(slow)], [0, 2]);
});

const atBoth = (stands: (name: string) => CurrentRecord[]) => [NAME, WILD].flatMap(stands);
const pool = [
  ...atBoth((name) => ['gw.example.net', 'gw.other.net'].map((value) => live('CNAME', value, name))),
  ...atBoth((name) => ['192.0.2.1', '192.0.2.2', '192.0.2.9'].map((value) => live('A', value, name))),
  ...[TXT, `_dstack-app-address-wildcard.${NAME}`].flatMap((name) =>
    [OWN, RIVAL, 'cc:443', 'a note'].map((value) => live('TXT', value, name)),
  ),
  ...['issue', 'issuewild'].flatMap((tag) => [1, 2, 9].map((number) => live('CAA', account(number, tag)))),
  ...['0 issue "ca.example"', '0 issue "other.example"', '0 iodef "mailto:a@b"', '?'].map((value) =>
    live('CAA', value),
  ),
];
const zones = fc
  .subarray(pool)
  .chain((records) =>
    fc
      .array(fc.constantFrom(60, 300), { minLength: records.length, maxLength: records.length })
      .map((ttls) => records.map((record, index) => ({ ...record, ttl: ttls[index] ?? 60 }))),
  );
const ownerships = fc.constantFrom<Ownership>('claim', 'retain', 'yield');
const kinds = fc.constantFrom('name' as const, 'addresses' as const);
const holds = (standing: readonly CurrentRecord[], wanted: DnsRecord) =>
  standing.some((record) => sameData(record, wanted));

test('whatever stands and whoever has the names, a second plan plans nothing', () => {
  const property = fc.property(
    ...([zones, ownerships, ownerships, kinds, fc.boolean(), fc.boolean()] as const),
    (standing, ofName, ofWild, kind, sharesTtl, cnameBesideOthers) => {
      const desired = [...recordsOf(NAME, kind), ...recordsOf(WILD)];
      const ownershipOf = (record: DesiredRecord) => (record.for === WILD ? ofWild : ofName);
      const fit = { sharesTtl, cnameBesideOthers };
      const first = plan(desired, standing, fit, ownershipOf);
      const after = applyChanges(standing, first.changes);
      assert.deepEqual(plan(desired, after, fit, ownershipOf).changes, []);
      for (const record of first.desired) assert.ok(holds(after, record), describeRecord(record));
      const left = standing.filter(({ name, type, value }) => {
        if (type === 'CAA') return ofName !== 'claim' && ofWild !== 'claim';
        const ownership = name === WILD || name.includes('-wildcard') ? ofWild : ofName;
        return ownership === 'yield' && value !== OWN;
      });
      for (const record of left) assert.ok(holds(after, record), `${describeRecord(record)} is gone`);
    },
  );
  fc.assert(property, { numRuns: 500 });
});
