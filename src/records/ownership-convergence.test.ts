import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyChange } from '../../test/harness/dns/apply-changes.ts';
import { type Change, type CurrentRecord, describeRecord, sameData } from '../dns/record.ts';
import { appAddressName } from './app-address.ts';
import { type DesiredRecord, desiredRecords } from './desired.ts';
import { type AddressMode, decideAllOwnerships, type OwnershipDecisions } from './ownership.ts';
import { plan } from './plan.ts';

/**
 * Containers that serve the same names and know of each other only by the zone, in any
 * interleaving.
 */

const NAMES = ['app.example.com', '*.app.example.com'];
const PREFIX = '_dstack-app-address';

interface Kind {
  readonly mode: AddressMode;
  /** Replicas of one app publish the same app-address and alias. */
  readonly app: number;
}

/**
 * One container: a run reads the zone, and then writes change by change while others do the same.
 */
interface Container {
  readonly mode: AddressMode;
  readonly desired: readonly DesiredRecord[];
  /** The names that its process has claimed. */
  claimed: ReadonlySet<string>;
  /** The changes that its run has yet to write; undefined between runs. */
  pending: Change[] | undefined;
}

interface World {
  zone: readonly CurrentRecord[];
  writes: number;
  /**
   * Whether the provider refuses to replace a record that is gone, so that the zone is read again;
   * other providers create the new record.
   */
  readonly isStrict: boolean;
  readonly containers: readonly Container[];
}

function createContainer({ mode, app }: Kind, index: number): Container {
  const aliases = [
    { target: 'gw.one.net' },
    { addresses: ['192.0.2.1', '192.0.2.2'] },
    { target: 'gw.two.net' },
  ] as const;
  const alias = aliases[app % aliases.length] ?? aliases[0];
  // Each has its own accounts: production and staging.
  const accounts = [`https://ca.example/acct/${index}`, `https://staging.example/acct/${index}`];
  const wanted = { alias, appId: `app${app}`, port: 443, txtPrefix: PREFIX };
  const recordsOf = (domain: string, accountUrl: string) =>
    desiredRecords({ ...wanted, domain, caa: [{ issuer: 'ca.example', accountUrl }] }, (seconds) => seconds);
  const desired = NAMES.flatMap((domain) => {
    const [production = [], staging = []] = accounts.map((accountUrl) => recordsOf(domain, accountUrl));
    return [...production, ...staging.filter(({ purpose }) => purpose === 'caa')];
  });
  return { mode, desired, claimed: new Set(), pending: undefined };
}
function planRun(
  world: World,
  { desired, mode, claimed }: Container,
): { ownership: OwnershipDecisions; changes: Change[] } {
  const ownership = decideAllOwnerships(desired, world.zone, { mode, claimed });
  const { changes } = plan(desired, world.zone, { sharesTtl: false }, ownership.ownershipOf);
  return { ownership, changes: [...changes] };
}

/** The next step of a container: it begins a run, or writes one change. */
function step(world: World, container: Container): void {
  if (container.pending === undefined) container.pending = planRun(world, container).changes;
  else write(world, container, container.pending);
  if (container.pending?.length !== 0) return;
  container.pending = undefined;
  container.claimed = new Set(NAMES);
}

function write(world: World, container: Container, [change, ...rest]: Change[]): void {
  if (change === undefined) return;
  const made = applyChange(world.zone, change);
  world.writes += 1;
  container.pending = made === undefined && world.isStrict ? undefined : rest;
  if (made) world.zone = made;
  else if (change.action === 'replace' && !world.isStrict) {
    world.zone = applyChange(world.zone, { action: 'create', record: change.record }) ?? world.zone;
  }
}

function wholeRun(world: World, container: Container): void {
  do step(world, container);
  while (container.pending !== undefined);
}

const events = ['step', 'step', 'step', 'step', 'restart', 'fail', 'wipe'] as const;

function apply(world: World, container: Container, event: (typeof events)[number], seed: number): void {
  if (event === 'step') step(world, container);
  // A run that is aborted does not count as published for its process.
  if (event === 'fail' || event === 'restart') container.pending = undefined;
  if (event === 'restart') container.claimed = new Set();
  if (event === 'wipe') world.zone = world.zone.filter((_, index) => index !== seed % world.zone.length);
}

/** Asserts all guarantees for the containers that still run, once the zone no longer changes. */
function assertConverged(world: World, living: readonly Container[]): void {
  const { zone, containers } = world;
  const text = zone.map(describeRecord).join('\n');
  for (const domain of NAMES) {
    const address = appAddressName(domain, PREFIX);
    const values = zone.filter(({ name, type }) => name === address && type === 'TXT');
    const has = ({ desired }: Container) =>
      desired.some((record) => values.some((value) => sameData(record, value)));
    // The value of a container that has stopped for good stays, because a container that yields
    // claims nothing.
    const isAbandoned = living.length < containers.length && !living.some(has);
    assert.ok(isAbandoned ? values.length > 0 : values.length === 1, text);
    assert.ok(containers.some(has), text);
    const isAlias = ({ type, name }: CurrentRecord) => name === domain && /^(?:A|CNAME)$/.test(type);
    const aliases = (records: readonly CurrentRecord[]) => records.filter(isAlias).map(describeRecord).sort();
    for (const container of living) {
      const ownership = planRun(world, container).ownership.decisions.get(domain)?.ownership;
      assert.equal(ownership, has(container) ? 'retain' : 'yield');
      if (has(container)) assert.deepEqual(aliases(zone), aliases(container.desired));
    }
  }
  const accounts = living.flatMap(({ desired }) => desired.filter(({ purpose }) => purpose === 'caa'));
  const missing = accounts.filter((one) => !zone.some((record) => sameData(record, one)));
  assert.deepEqual(missing, [], text);
}

/**
 * A complete plan has about 14 changes, and each container may have to correct the writes of every
 * other one once.
 */
const mostWrites = (containers: number) => 14 * containers * containers;

const kind = fc.record({ mode: fc.constantFrom<AddressMode>('claim', 'hold'), app: fc.nat(2) });
const moment = fc.record({ who: fc.nat(2), event: fc.constantFrom(...events), seed: fc.nat(30) });
const pasts = fc.oneof(fc.constant([]), fc.array(moment, { maxLength: 120 }));
// Alternating, or in any order.
const orders = fc.oneof(
  fc.constant(Array.from({ length: 300 }, (_, index) => index)),
  fc.array(fc.nat(5), { minLength: 150, maxLength: 300 }),
);
const foreign = [
  { name: NAMES[0] ?? '', type: 'A', value: '198.51.100.1', ttl: 300 },
  { name: `${PREFIX}.${NAMES[0]}`, type: 'TXT', value: 'older:443', ttl: 300 },
  { name: NAMES[0] ?? '', type: 'CAA', value: '0 issue "ca.example;accounturi=https://old"', ttl: 300 },
];
const circumstances = fc.record({
  planted: fc.subarray(foreign),
  isStrict: fc.boolean(),
  past: pasts,
  order: orders,
  /** How many of the containers still run after the past. */
  running: fc.integer({ min: 1, max: 3 }),
});

for (const count of [2, 3]) {
  test(`${count} containers converge after the last restart, whatever happened before and in any interleaving`, () => {
    const crowds = fc.array(kind, { minLength: count, maxLength: count });
    const property = fc.property(
      crowds,
      circumstances,
      (kinds, { planted, isStrict, past, order, running }) => {
        const containers = kinds.map(createContainer);
        const living = containers.slice(0, running);
        // A standby claims nothing: without a container that claims, foreign records stay.
        const zone = living.some(({ mode }) => mode === 'claim') ? planted : [];
        const world: World = { zone, writes: 0, isStrict, containers };
        const at = (who: number, among: readonly Container[]) => among[who % among.length] as Container; // never empty
        for (const { who, event, seed } of past) apply(world, at(who, containers), event, seed);
        world.writes = 0;
        for (const who of order) step(world, at(who, living));
        assert.ok(world.writes <= mostWrites(count), `${world.writes} writes`);
        for (let run = 0; run < 3; run += 1) for (const one of living) wholeRun(world, one);
        for (const container of living) assert.deepEqual(planRun(world, container).changes, []);
        assertConverged(world, living);
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
}
