import type { Mutant } from './mutant.ts';

const two = (test: string) => ({ file: 'test/e2e/two-containers.test.ts', test });
const CLAIM = two(
  'claim and claim: the last started container has the name, the other reports that, and neither writes any more',
);
const HOLD = two('hold: a standby has its certificate and leaves the name alone until it is free');
const AT_ONCE = two('with simultaneous orders, neither removes the other’s challenge');
const SIMULATED = { file: 'test/simulation/two-containers.test.ts' };

export const containers: readonly Mutant[] = [
  {
    id: 'containers-never-yield',
    class: 'containers',
    file: 'src/records/ownership.ts',
    search: "    : { ownership: 'yield', otherOwner };",
    replace: "    : { ownership: 'retain', otherOwner };",
    killedBy: [{ file: 'src/records/ownership.test.ts' }, CLAIM, SIMULATED],
    note: 'Two containers take a name from each other for ever.',
  },
  {
    id: 'containers-both-stay',
    class: 'containers',
    file: 'src/records/ownership.ts',
    search: '  return isPublished && compareValues(own.value, otherOwner) < 0\n',
    replace: '  return isPublished\n',
    killedBy: [{ file: 'src/records/ownership.test.ts' }, SIMULATED],
    note: 'Two containers that start in the same second both keep their app-address.',
  },
  {
    id: 'containers-neither-stays',
    class: 'containers',
    file: 'src/records/ownership.ts',
    search: '  return isPublished && compareValues(own.value, otherOwner) < 0\n',
    replace: '  return isPublished && compareValues(own.value, otherOwner) > 1\n',
    killedBy: [{ file: 'src/records/ownership.test.ts' }, SIMULATED],
    note: 'Two containers that start in the same second both yield.',
  },
  {
    id: 'containers-own-value-not-removed',
    class: 'containers',
    file: 'src/records/plan.ts',
    search: '      ...removalsOfYielded(desired.filter(isYielded), current),\n',
    replace: '',
    killedBy: [{ file: 'src/records/plan-ownership.test.ts' }, SIMULATED],
    note: 'A container that yields leaves its app-address beside that of the owner.',
  },
  {
    id: 'containers-standby-takes-name',
    class: 'containers',
    file: 'src/commands/wiring/external-deps.ts',
    search: '    addressMode: config.appAddressMode,\n',
    replace: "    addressMode: 'claim',\n",
    killedBy: [HOLD],
    note: 'A standby claims the name.',
  },
  {
    id: 'containers-claim-not-remembered',
    class: 'containers',
    file: 'src/reconcile/apply.ts',
    search: "    if (decision.ownership !== 'yield') shared.claimed.add(domain);\n",
    replace: '    if (decision.ownership !== decision.ownership) shared.claimed.add(domain);\n',
    killedBy: [{ file: 'src/reconcile/await-zone.test.ts' }, CLAIM],
    note: 'A running container claims the name again in every run of reconcile.',
  },
  {
    id: 'containers-caa-taken',
    class: 'containers',
    file: 'src/records/plan.ts',
    search:
      "return isOfSameIssuer(record, desired) && (ownership === 'claim' || isOfAny(record, desired.succeeds));",
    replace: 'return isOfSameIssuer(record, desired);',
    killedBy: [{ file: 'src/records/plan-ownership.test.ts' }, CLAIM, SIMULATED],
    note: "Two containers replace each other's CAA records in every run of reconcile.",
  },
  {
    id: 'containers-conflict-ends-write',
    class: 'containers',
    file: 'src/reconcile/apply.ts',
    search: 'const ATTEMPTS = 3;',
    replace: 'const ATTEMPTS = 1;',
    killedBy: [{ file: 'src/reconcile/apply.test.ts' }, SIMULATED],
    note: 'A write that conflicts with another container is not repeated.',
  },
  {
    id: 'containers-old-plan-written-again',
    class: 'containers',
    file: 'src/reconcile/apply.ts',
    search: 'if (state.current) state = { ...state, current: await readZone(deps, state, signal) };',
    replace: 'if (state.current) await readZone(deps, state, signal);',
    killedBy: [{ file: 'src/reconcile/apply.test.ts' }, SIMULATED],
    note: 'After a conflict the old plan is applied again.',
  },
  {
    id: 'containers-caches-not-waited-out',
    class: 'containers',
    file: 'src/reconcile/await-zone.ts',
    search: '  await clock.wait(leftMs, signal);\n',
    replace: '',
    killedBy: [{ file: 'src/reconcile/await-zone.test.ts' }, AT_ONCE],
    note: "The CA validates while its resolver may cache only another container's challenge.",
  },
  {
    id: 'containers-other-challenge-not-seen',
    class: 'containers',
    file: 'src/dns/probe.ts',
    search: "  const propagated: ProbeResult = { kind: 'propagated', siblings: rrset };\n",
    replace: "  const propagated: ProbeResult = { kind: 'propagated', siblings: [] };\n",
    killedBy: [
      { file: 'src/reconcile/await-zone.test.ts' },
      AT_ONCE,
      { file: 'src/dns/probe.test.ts' },
      { file: 'src/dns/propagation.test.ts' },
    ],
    note: 'A challenge that another container publishes in the meantime is ignored.',
  },
  {
    id: 'containers-no-second-look',
    class: 'containers',
    file: 'src/reconcile/await-zone.ts',
    search: '          await quietly(deps, certificate, reapply, signal);\n          return expected;\n',
    replace: '          return expected;\n',
    killedBy: [{ file: 'src/reconcile/await-zone.test.ts' }, SIMULATED],
    note: 'A challenge that another container has overwritten is not restored.',
  },
  {
    id: 'containers-conflicting-challenge-ignored',
    class: 'containers',
    file: 'src/reconcile/preflight.ts',
    search: '  if (conflict) return conflict;\n',
    replace: '',
    killedBy: [
      { file: 'src/reconcile/several-certificates.test.ts' },
      { file: 'src/reconcile/orders.test.ts' },
    ],
    note: 'An order is created while resolvers may cache an earlier challenge at the same name.',
  },
];
