import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyChanges } from '../../test/harness/dns/apply-changes.ts';
import { type Change, type CurrentRecord, type DnsRecord, describeRecord, sameData } from '../dns/record.ts';
import { type DesiredRecord, desiredRecords } from './desired.ts';
import type { Ownership } from './ownership.ts';
import { blockingCname, type PlanCapabilities, plan } from './plan.ts';

/** Plans for several names and accounts, and for names that another container may own. */

const NAME = 'app.example.com';
const WILD = `*.${NAME}`;
const TXT = `_dstack-app-address.${NAME}`;
const [OWN, OTHER] = ['bb:443', 'aa:443'];
const account = (number: number, tag = 'issue') =>
  `0 ${tag} "ca.example;validationmethods=dns-01;accounturi=https://ca.example/acct/${number}"`;
const record = (type: string, value: string, name = NAME, ttl = 60): CurrentRecord => ({
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
const planned = (current: readonly CurrentRecord[], ownership: Ownership, capabilities?: PlanCapabilities) =>
  plan(recordsOf(NAME), current, capabilities, () => ownership);
const brief = (change: Change) => {
  const one = change.action === 'remove' ? change.removed : change.record;
  return `${change.action} ${describeRecord(one)}`;
};
const changesOf = (current: readonly CurrentRecord[], ownership: Ownership) =>
  planned(current, ownership).changes.map(brief);

const ours = [
  record('CNAME', 'gw.example.net'),
  record('TXT', OWN, TXT),
  record('CAA', account(1)),
  record('CAA', account(2)),
];
const theirs = [record('CNAME', 'gw.other.net'), record('TXT', OTHER, TXT), record('CAA', account(9))];

test('CAA records of two accounts of one issuer are published together', () => {
  assert.deepEqual(changesOf(ours, 'claim'), []);
  for (const ownership of ['claim', 'retain', 'yield'] as const)
    assert.deepEqual(planned(ours, ownership).warnings, []);
  assert.deepEqual(changesOf(ours.slice(0, 3), 'claim'), [`create ${NAME} CAA ${account(2)}`]);
});

test('a record that is desired twice is created once', () => {
  const twice = [...recordsOf(NAME), ...recordsOf(NAME)];
  const { changes } = plan(twice, []);
  assert.deepEqual(
    changes.map(brief),
    ours.map((one) => `create ${describeRecord(one)}`),
  );
});

test('claiming a name replaces the records of another container', () => {
  assert.deepEqual(planned(theirs, 'claim').changes.map(brief), [
    `replace ${NAME} CNAME gw.example.net`,
    `replace ${TXT} TXT ${OWN}`,
    `replace ${NAME} CAA ${account(1)}`,
    `create ${NAME} CAA ${account(2)}`,
  ]);
});

test('claiming replaces a CAA record only by one of the same tag', () => {
  const changes = (tag: string) =>
    plan([...recordsOf(NAME), ...recordsOf(WILD)], [record('CAA', account(9, tag))])
      .changes.filter(({ action }) => action === 'replace')
      .map(brief);
  assert.deepEqual(changes('issue'), [`replace ${NAME} CAA ${account(1)}`]);
  assert.deepEqual(changes('issuewild'), [`replace ${NAME} CAA ${account(1, 'issuewild')}`]);
});

test('yielding a name leaves its records to the other container, and publishes our CAA records beside its own', () => {
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
  assert.ok(warnings[0]?.includes(account(9)), warnings.join());
});

test('retaining a name creates what is missing, beside the CAA record of another container', () => {
  assert.deepEqual(changesOf([record('CAA', account(9)), ...ours.slice(3)], 'retain'), [
    `create ${NAME} CNAME gw.example.net`,
    `create ${TXT} TXT ${OWN}`,
    `create ${NAME} CAA ${account(1)}`,
  ]);
});

test('of two values at the app-address name the owner removes the other, and a container that yields its own', () => {
  const both = [...ours, record('TXT', OTHER, TXT)];
  assert.deepEqual(changesOf(both, 'retain'), [`remove ${TXT} TXT ${OTHER}`]);
  assert.deepEqual(changesOf(both, 'yield'), [`remove ${TXT} TXT ${OWN}`]);
  assert.deepEqual(changesOf(ours, 'yield'), [], 'a value that is alone stays');
});

test('two values of other containers stay when yielding, and claiming replaces both by ours', () => {
  const abandoned = [record('TXT', OTHER, TXT), record('TXT', 'cc:443', TXT)];
  const atAddress = (ownership: Ownership) =>
    changesOf(abandoned, ownership).filter((text) => text.includes(TXT));
  assert.deepEqual(atAddress('yield'), []);
  assert.deepEqual(atAddress('claim'), [`remove ${TXT} TXT cc:443`, `replace ${TXT} TXT ${OWN}`]);
});

test('a CAA record without an account stays when retaining and is replaced when claiming, both with a warning', () => {
  const open = record('CAA', '0 issue "CA.example"');
  assert.deepEqual(changesOf([...ours, open], 'retain'), []);
  assert.deepEqual(changesOf([...ours, open], 'claim'), [`remove ${describeRecord(open)}`]);
  for (const ownership of ['claim', 'retain'] as const) {
    const { warnings } = planned([...ours, open], ownership);
    assert.equal(warnings.length, 1);
    assert.ok(warnings[0]?.startsWith(describeRecord(open)), warnings.join());
  }
});

test('no warning is about a record that is desired for another name', () => {
  const both = [...recordsOf(NAME), ...recordsOf(WILD)];
  const noCa = record('CAA', '0 issue ";"');
  const current = [record('CAA', account(1, 'issuewild')), record('CAA', account(2)), noCa];
  const { changes, warnings } = plan(both, current);
  assert.equal(warnings.length, 1, 'a foreign record is reported once for all names');
  assert.ok(warnings[0]?.startsWith(describeRecord(noCa)), warnings.join());
  assert.deepEqual(
    changes.map(brief).filter((text) => text.includes('CAA')),
    [`create ${NAME} CAA ${account(1)}`, `create ${NAME} CAA ${account(2, 'issuewild')}`],
  );
});

test('a CAA record is not published where the CNAME of another container excludes it', () => {
  const alone = { sharesTtl: false, cnameBesideOthers: false };
  const current = theirs.slice(0, 2);
  const yielded = planned(current, 'yield', alone);
  assert.deepEqual({ changes: yielded.changes, desired: yielded.desired }, { changes: [], desired: [] });
  const excluded = [1, 2].map((number) => `${NAME} CAA ${account(number)}`);
  assert.deepEqual(
    excluded.map((text) => yielded.warnings.filter((warning) => warning.startsWith(text)).length),
    [1, 1],
  );
  assert.equal(yielded.warnings.length, 2);
  assert.equal(blockingCname(yielded.desired, yielded, current), undefined);
  const retained = planned(current, 'retain', alone);
  assert.deepEqual(retained.desired, recordsOf(NAME), 'every record of a name of ours is published');
  const ownershipOf = (record: DesiredRecord) => (record.for === WILD ? 'yield' : 'retain');
  const all = [...recordsOf(NAME, 'addresses'), ...recordsOf(WILD)];
  const { desired } = plan(all, current, alone, ownershipOf);
  const wild = desired.filter((record) => record.for === WILD);
  assert.equal(wild.length, 2, 'our addresses replace the CNAME, so it excludes nothing');
});

test('the TTL of our CAA record is not corrected where that of another account shares it', () => {
  const slow = ours.map((one) => (one.type === 'CAA' ? { ...one, ttl: 300 } : one));
  const beside = [...slow, record('CAA', account(9), NAME, 300)];
  const writes = (current: CurrentRecord[]) => planned(current, 'retain', { sharesTtl: true }).changes.length;
  assert.deepEqual([writes(beside), writes(slow)], [0, 2]);
});

const atBoth = (recordsAt: (name: string) => CurrentRecord[]) => [NAME, WILD].flatMap(recordsAt);
const pool = [
  ...atBoth((name) => ['gw.example.net', 'gw.other.net'].map((value) => record('CNAME', value, name))),
  ...atBoth((name) => ['192.0.2.1', '192.0.2.2', '192.0.2.9'].map((value) => record('A', value, name))),
  ...[TXT, `_dstack-app-address-wildcard.${NAME}`].flatMap((name) =>
    [OWN, OTHER, 'cc:443', 'no address'].map((value) => record('TXT', value, name)),
  ),
  ...['issue', 'issuewild'].flatMap((tag) => [1, 2, 9].map((number) => record('CAA', account(number, tag)))),
  ...['0 issue "ca.example"', '0 issue "other.example"', '0 iodef "mailto:a@b"', '?'].map((value) =>
    record('CAA', value),
  ),
];
const zones = fc
  .subarray(pool)
  .chain((records) =>
    fc
      .array(fc.constantFrom(60, 300), { minLength: records.length, maxLength: records.length })
      .map((ttls) => records.map((one, index) => ({ ...one, ttl: ttls[index] ?? 60 }))),
  );
const ownerships = fc.constantFrom<Ownership>('claim', 'retain', 'yield');
const kinds = fc.constantFrom('name' as const, 'addresses' as const);
const has = (current: readonly CurrentRecord[], wanted: DnsRecord) =>
  current.some((one) => sameData(one, wanted));

test('a second plan has no changes, whatever is current and whoever owns the names', () => {
  const property = fc.property(
    ...([zones, ownerships, ownerships, kinds, fc.boolean(), fc.boolean()] as const),
    (current, ofName, ofWild, kind, sharesTtl, cnameBesideOthers) => {
      const desired = [...recordsOf(NAME, kind), ...recordsOf(WILD)];
      const ownershipOf = (record: DesiredRecord) => (record.for === WILD ? ofWild : ofName);
      const capabilities = { sharesTtl, cnameBesideOthers };
      const first = plan(desired, current, capabilities, ownershipOf);
      const after = applyChanges(current, first.changes);
      assert.deepEqual(plan(desired, after, capabilities, ownershipOf).changes, []);
      for (const one of first.desired) assert.ok(has(after, one), describeRecord(one));
      const left = current.filter(({ name, type, value }) => {
        if (type === 'CAA') return ofName !== 'claim' && ofWild !== 'claim';
        const ownership = name === WILD || name.includes('-wildcard') ? ofWild : ofName;
        return ownership === 'yield' && value !== OWN;
      });
      for (const one of left) assert.ok(has(after, one), `${describeRecord(one)} is gone`);
    },
  );
  fc.assert(property, { numRuns: 500 });
});
