import type { Mutant } from './mutant.ts';

const servers = (rows: string) => ({
  file: 'test/faults/name-servers.test.ts',
  test: 'name servers are down, slow or behind',
  rows,
});
const faults = (test: string) => ({ file: 'test/e2e/dns-faults.test.ts', test });

export const dnses: readonly Mutant[] = [
  {
    id: 'dns-one-server-is-enough',
    class: 'dns',
    file: 'src/dns/server-state.ts',
    search: '(propagated.length > 0 && pending.every(canPassOver))',
    replace: '(propagated.length > 0 && pending.every(() => true))',
    killedBy: [
      servers('one name server: behind the other beyond the timeout'),
      { file: 'src/dns/propagation-failures.test.ts' },
    ],
    note: 'The CA validates as soon as one name server serves the challenge.',
  },
  {
    id: 'dns-silent-server-blocks-issuance',
    class: 'dns',
    file: 'src/dns/server-state.ts',
    search: '    if (isOver) return isFailing(state) && (down || !state.hasBeenStale);\n',
    replace: '    if (isOver) return false;\n',
    killedBy: [
      servers('one name server: down beyond the timeout'),
      { file: 'src/dns/propagation-failures.test.ts' },
    ],
    note: 'One name server that is down blocks every certificate.',
  },
  {
    id: 'dns-truncated-answer-taken',
    class: 'dns',
    file: 'src/dns/query.ts',
    search: '  if (overUdp && !overUdp.flag_tc) return toReply(overUdp);\n',
    replace: '  if (overUdp) return toReply(overUdp);\n',
    killedBy: [{ file: 'src/dns/query.test.ts' }, servers('both name servers: every UDP response truncated')],
    note: 'A truncated response is not repeated over TCP.',
  },
  {
    id: 'dns-filtered-port-not-survived',
    class: 'dns',
    file: 'src/dns/propagation.ts',
    search: "  const isFiltered = assessment.kind === 'filtered' && resolver !== undefined;\n",
    replace: "  const isFiltered = assessment.kind === 'filtered' && resolver === undefined;\n",
    killedBy: [
      { file: 'src/dns/propagation-resolvers.test.ts' },
      faults(
        'outgoing port 53 is filtered: the certificate is issued, with the resolvers in place of the name servers, not queried too early',
      ),
    ],
    note: 'Where port 53 is filtered, the resolvers are not queried instead of the authoritative servers.',
  },
  {
    id: 'dns-resolvers-asked-too-early',
    class: 'dns',
    file: 'src/dns/propagation.ts',
    search: '+ Math.min(RESOLVER_DELAY_MS, timeoutMs / 2);',
    replace: '+ Math.min(RESOLVER_DELAY_MS, timeoutMs / 2000);',
    killedBy: [
      { file: 'src/dns/propagation-resolvers.test.ts' },
      faults(
        'outgoing port 53 is filtered: the certificate is issued, with the resolvers in place of the name servers, not queried too early',
      ),
    ],
    note: 'Resolvers are queried so early that they cache the absence of the challenge.',
  },
  {
    id: 'dns-delegated-name-written',
    class: 'dns',
    file: 'src/reconcile/zones.ts',
    search: '  if (fault && isAuthoritative) return fault;\n',
    replace: '',
    killedBy: [
      { file: 'src/reconcile/zones.test.ts' },
      faults(
        'a name that is delegated out of the zone is an error before anything is written, until the delegation ends',
      ),
      faults('a zone of the account without a delegation is an error before anything is written'),
    ],
    note: 'Records are written into a zone that the public DNS does not use for the name.',
  },
  {
    id: 'dns-flattened-apex-not-seen',
    class: 'dns',
    file: 'src/reconcile/propagation.ts',
    search: 'flattened: capabilities.flattensApexCname &&',
    replace: 'flattened: !capabilities.flattensApexCname &&',
    killedBy: [
      { file: 'src/reconcile/gateway-records.test.ts' },
      {
        file: 'test/e2e/first-start.test.ts',
        test: 'an apex: the provider flattens the CNAME, and it still counts as propagated',
      },
    ],
    note: 'A flattened alias at the apex never counts as propagated.',
  },
  {
    id: 'dns-not-waited-for',
    class: 'dns',
    file: 'src/reconcile/await-zone.ts',
    search: '  const expected = own.flatMap(({ record }) => (record ? [{ record }] : []));\n',
    replace:
      '  const expected = own.flatMap(({ record }) => (record ? [{ record }] : [])).slice(own.length);\n',
    killedBy: [
      { file: 'src/reconcile/apply.test.ts' },
      {
        file: 'test/faults/name-servers.test.ts',
        test: 'name servers give wrong answers or none',
        rows: 'both name servers, for the challenge only',
      },
      {
        file: 'test/e2e/faults.test.ts',
        test: 'a name server that keeps serving the old zone is a timeout that names it, and the CA is not asked to validate',
      },
      servers('one name server: behind the other beyond the timeout'),
    ],
    note: 'The CA validates before any name server serves the challenge.',
  },
  {
    id: 'dns-alias-of-challenge-ordered',
    class: 'dns',
    file: 'src/reconcile/preflight.ts',
    search: '  for (const name of names) await assertChallengeNameIsOurs(deps, name, zones, signal);\n',
    replace: '',
    killedBy: [{ file: 'src/reconcile/preflight.test.ts' }, { file: 'test/e2e/takeover.test.ts' }],
    note: 'An order is created although a CNAME at the challenge name leads the CA elsewhere.',
  },
  {
    id: 'dns-foreign-answer-taken',
    class: 'dns',
    file: 'src/dns/query.ts',
    search: '  const fits = (reply: packet.DecodedPacket) => reply.id === id && matches(reply, question);\n',
    replace: '  const fits = (reply: packet.DecodedPacket) => reply.id === id || matches(reply, question);\n',
    killedBy: [{ file: 'src/dns/query.test.ts' }],
    note: 'A response to another question is accepted.',
  },
  {
    id: 'dns-servfail-taken-for-missing',
    class: 'dns',
    file: 'src/dns/probe.ts',
    search: "  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return `answers ${rcode}`;\n",
    replace: '',
    killedBy: [
      faults('one of two name servers refuses permanently: a certificate is issued, with a warning'),
      {
        file: 'test/faults/name-servers.test.ts',
        test: 'name servers give wrong answers or none',
        rows: '(?:one|both) name servers?: (?:SERVFAIL|REFUSED)',
      },
      { file: 'src/dns/probe.test.ts' },
      { file: 'src/dns/propagation-failures.test.ts' },
    ],
    note: 'A name server that answers SERVFAIL or REFUSED counts as one that lacks the record.',
  },
];
