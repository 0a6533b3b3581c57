import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyChanges } from '../../test/harness/dns/apply-changes.ts';
import type { Capabilities } from '../dns/provider.ts';
import { type Change, type CurrentRecord, describeRecord } from '../dns/record.ts';
import type { ChallengeValue, JournalledChallenge } from './challenges.ts';
import { desiredOf, NO_CHALLENGES, type PlanContext, planZone, type ZoneState } from './zone-plan.ts';

const GATEWAY = 'gw.example.net';
const [APP, WWW, API] = ['app.example.com', 'www.example.com', 'api.example.com'];
const ADDRESSES = { ipv4: ['192.0.2.1'], ipv6: [] };

/** A provider that enforces RFC 1034 §3.6.2 for CNAMEs. */
const capabilities: Capabilities = {
  normalizeTtl: (seconds) => seconds,
  ...{ cnameBesideOthers: false, flattensApexCname: false, servesUnderscoreTargets: true },
  ...{ sharesTtl: false, rewritesZone: false, propagationSeconds: 60 },
};
const gateway = {
  ...{ gatewayDomain: GATEWAY, configured: ['192.0.2.1'], friendly: undefined, injected: undefined },
  ...{ addresses: ADDRESSES, failure: undefined },
};
const context: PlanContext = {
  spec: { gatewayDomain: GATEWAY, port: 443, txtPrefix: '_txt', setCaa: false, addressMode: 'claim' },
  capabilities,
  facts: { appId: 'bb', gateway, caa: undefined },
  claimed: new Set(),
};
const withCaa: PlanContext = {
  ...context,
  spec: { ...context.spec, setCaa: true },
  facts: { appId: 'bb', gateway, caa: [{ issuer: 'ca.example', accountUrl: 'https://ca.example/1' }] },
};
const state = (
  domains: readonly string[],
  current: readonly CurrentRecord[] | undefined,
  journalled: readonly JournalledChallenge[] = [],
): ZoneState => ({
  zone: { id: 'z1', name: 'example.com' },
  names: domains.map((domain) => ({ domain, certified: false })),
  ...{ current, journalled },
});

const record = (name: string, type: string, value: string): CurrentRecord => ({ name, type, value, ttl: 60 });
const challengeOf = (domain: string) => `_acme-challenge.${domain}`;
const value = (text: string, domain = APP): ChallengeValue => ({
  domain,
  name: challengeOf(domain),
  value: text,
});
const journalledValue = (text: string, handle?: string): JournalledChallenge => ({
  ...{ provider: 'memory', zoneId: 'z1', zoneName: 'example.com', ttl: 60, ...value(text) },
  ...(handle === undefined ? {} : { handle }),
});
const brief = (change: Change) =>
  `${change.action} ${describeRecord(change.action === 'remove' ? change.removed : change.record)}`;
const recordsOf = (domain: string) => [`${domain} CNAME ${GATEWAY}`, `_txt.${domain} TXT bb:443`];
const refusals = ({ refused }: Pick<ReturnType<typeof planZone>, 'refused'>) =>
  [...refused].map(([domain, { code }]) => [domain, code]);

test('a zone without records gets those of all names', () => {
  const planned = planZone(state([APP, WWW], []), NO_CHALLENGES, context);
  const expected = [APP, WWW].flatMap(recordsOf);
  assert.deepEqual(
    planned.changes.map(brief),
    expected.map((text) => `create ${text}`),
  );
  assert.deepEqual([...planned.names.keys()], [APP, WWW]);
  assert.deepEqual(planned.refused, new Map());
  assert.deepEqual(desiredOf(planned, WWW).map(describeRecord), recordsOf(WWW));
});

test('a name that is refused is left out, and the other names are planned', () => {
  const current = [record(challengeOf(APP), 'CNAME', 'x.example.org')];
  const planned = planZone(state([APP, WWW], current), NO_CHALLENGES, context);
  assert.deepEqual(refusals(planned), [[APP, 'CHALLENGE_NAME_IS_ALIAS']]);
  assert.deepEqual(
    planned.changes.map(brief),
    recordsOf(WWW).map((text) => `create ${text}`),
  );
  assert.deepEqual([...planned.names.keys()], [WWW]);
  assert.deepEqual(desiredOf(planned, APP), []);
});

test('a foreign CNAME at an owner name refuses that name only, unless the provider serves both', () => {
  const current = [record(`_txt.${APP}`, 'CNAME', 'x.example.org')];
  const planned = planZone(state([APP, WWW], current), NO_CHALLENGES, context);
  assert.deepEqual(refusals(planned), [[APP, 'PROVIDER_REJECTED']]);
  assert.deepEqual(
    planned.changes.map(brief),
    recordsOf(WWW).map((text) => `create ${text}`),
  );
  const lenient = { ...context, capabilities: { ...capabilities, cnameBesideOthers: true } };
  assert.deepEqual(refusals(planZone(state([APP, WWW], current), NO_CHALLENGES, lenient)), []);
});

test('a wildcard is refused for the CNAME of another container at its base name, and the base name is yielded', () => {
  const wildcard = `*.${APP}`;
  // The CAA record of a wildcard is at its base name.
  const current = [record(APP, 'CNAME', 'gw.other.net'), record(`_txt.${APP}`, 'TXT', 'aa:443')];
  const standby: PlanContext = { ...withCaa, spec: { ...withCaa.spec, addressMode: 'hold' } };
  const planned = planZone(state([APP, wildcard, API], current), NO_CHALLENGES, standby);
  assert.deepEqual(refusals(planned), [[wildcard, 'PROVIDER_REJECTED']]);
  assert.deepEqual([...planned.names.keys()], [APP, API]);
  assert.deepEqual(desiredOf(planned, APP), []);
  assert.equal(desiredOf(planned, API).length, 3);
});

test('a name and its wildcard are planned together: the CNAME at the name is removed for both', () => {
  const wildcard = `*.${APP}`;
  const current = [record(APP, 'CNAME', 'old.example.net')];
  const planned = planZone(state([wildcard, APP], current), NO_CHALLENGES, withCaa);
  assert.deepEqual(refusals(planned), []);
  assert.deepEqual(planned.changes.map(brief).sort(), [
    `create ${wildcard} CNAME ${GATEWAY}`,
    ...[`create _txt-wildcard.${APP} TXT bb:443`, `create _txt.${APP} TXT bb:443`],
    `create ${APP} A 192.0.2.1`,
    `create ${APP} CAA 0 issue "ca.example;validationmethods=dns-01;accounturi=https://ca.example/1"`,
    `create ${APP} CAA 0 issuewild "ca.example;validationmethods=dns-01;accounturi=https://ca.example/1"`,
    `remove ${APP} CNAME old.example.net`,
  ]);
});

test('a wildcard is refused for the CNAME at its base name if that name is refused itself', () => {
  const wildcard = `*.${APP}`;
  const blocking = record(`_txt.${APP}`, 'CNAME', 'x.example.org');
  const current = [record(APP, 'CNAME', 'old.example.net'), blocking];
  const planned = planZone(state([wildcard, APP], current), NO_CHALLENGES, withCaa);
  assert.deepEqual(refusals(planned).sort(), [
    [wildcard, 'PROVIDER_REJECTED'],
    [APP, 'PROVIDER_REJECTED'],
  ]);
  assert.deepEqual(planned.changes, []);
});

test('challenges of orders under way are published, those of open orders retained, all others pruned', () => {
  const current = ['open', 'over', 'foreign'].map((text) => record(challengeOf(APP), 'TXT', text));
  const journalled = [journalledValue('open'), journalledValue('over')];
  const challenges = { publish: [value('new')], retain: [value('open')] };
  const planned = planZone(state([APP], current, journalled), challenges, context);
  assert.deepEqual(planned.challengeChanges.map(brief), [
    `remove ${challengeOf(APP)} TXT over`,
    `create ${challengeOf(APP)} TXT new`,
  ]);
  assert.deepEqual(
    planned.pruned.map((one) => one.value),
    ['over'],
  );
  assert.ok(!planned.changes.some((change) => brief(change).includes('_acme-challenge')));
});

test('a challenge that is published is not written again, whatever its TTL', () => {
  const current = [{ ...record(challengeOf(APP), 'TXT', 'new'), ttl: 300 }];
  const challenges = { publish: [value('new')], retain: [] };
  assert.deepEqual(planZone(state([], current), challenges, context).challengeChanges, []);
});

test('the same value at another name is not retained', () => {
  const challenges = { publish: [], retain: [value('one', WWW)] };
  const planned = planZone(state([], undefined, [journalledValue('one')]), challenges, context);
  assert.equal(planned.pruned.length, 1);
});

test('a pruned value that is gone from the zone needs no change, and is removed from the journal all the same', () => {
  const planned = planZone(state([], [], [journalledValue('gone', 'r7')]), NO_CHALLENGES, context);
  assert.deepEqual(planned.challengeChanges, []);
  assert.deepEqual(
    planned.pruned.map((one) => one.value),
    ['gone'],
  );
});

test('a pruned value is removed by the record that was read, or else by the journalled handle', () => {
  const read = { ...record(challengeOf(APP), 'TXT', 'over'), handle: 'r8' };
  for (const [current, handle] of [
    [[read], 'r8'],
    [undefined, 'r7'],
  ] as const) {
    const zone = state([], current, [journalledValue('over', 'r7')]);
    const [change] = planZone(zone, NO_CHALLENGES, context).challengeChanges;
    assert.equal(change?.action === 'remove' && change.removed.handle, handle);
  }
});

for (const [title, current, facts] of [
  ['was not read', undefined, context.facts],
  ['was read where the desired records are unknown', [], undefined],
] as const)
  test(`in a zone that ${title} only challenges are planned`, () => {
    const challenges = { publish: [value('new')], retain: [] };
    const planned = planZone(state([APP, WWW], current), challenges, { ...context, facts });
    assert.deepEqual([planned.changes, planned.desired], [[], []]);
    assert.deepEqual([planned.names, planned.refused], [new Map(), new Map()]);
    assert.deepEqual(planned.challengeChanges.map(brief), [`create ${challengeOf(APP)} TXT new`]);
  });

test('a name of another container is yielded once this process has claimed it', () => {
  const current = [record(APP, 'CNAME', 'gw.other.net'), record(`_txt.${APP}`, 'TXT', 'aa:443')];
  const claimed = { ...context, claimed: new Set([APP]) };
  assert.equal(planZone(state([APP], current), NO_CHALLENGES, context).changes.length, 2);
  const planned = planZone(state([APP], current), NO_CHALLENGES, claimed);
  assert.deepEqual([planned.changes, desiredOf(planned, APP)], [[], []]);
  assert.equal(planned.ownership.decisions.get(APP)?.otherOwner, 'aa:443');
});

test('planning what was applied has no changes, whatever is current and journalled', () => {
  const pool = [
    ...[APP, WWW, `_txt.${APP}`, `_txt-wildcard.${APP}`].map((name) => record(name, 'CNAME', 'gw.other.net')),
    ...[APP, WWW].map((name) => record(name, 'A', '192.0.2.9')),
    ...['aa:443', 'bb:443'].map((text) => record(`_txt.${WWW}`, 'TXT', text)),
    ...['new', 'open', 'over', 'foreign'].map((text) => record(challengeOf(APP), 'TXT', text)),
  ];
  const excludes = (a: CurrentRecord, b: CurrentRecord) => a !== b && a.name === b.name && a.type === 'CNAME';
  const zones = fc
    .subarray(pool)
    .filter((all) => !all.some((one) => all.some((other) => excludes(one, other))));
  const journalled = fc.subarray(['new', 'open', 'over'].map((text) => journalledValue(text)));
  const property = fc.property(
    zones,
    journalled,
    fc.constantFrom(context, withCaa),
    (current, known, given) => {
      const challenges = { publish: [value('new')], retain: [value('open')] };
      const names = [`*.${APP}`, APP, WWW];
      const first = planZone(state(names, current, known), challenges, given);
      const after = applyChanges(current, [...first.changes, ...first.challengeChanges]);
      const left = known.filter((one) => !first.pruned.includes(one));
      const second = planZone(state(names, after, left), challenges, given);
      assert.deepEqual([second.changes, second.challengeChanges, second.pruned], [[], [], []]);
      const has = (list: readonly CurrentRecord[], text: string) => list.some((one) => one.value === text);
      for (const text of ['open', 'foreign']) assert.equal(has(after, text), has(current, text));
      assert.ok(has(after, 'new'));
      assert.ok(!after.some((one) => after.some((other) => excludes(one, other))), 'a CNAME is alone');
    },
  );
  fc.assert(property, { numRuns: 300 });
});
