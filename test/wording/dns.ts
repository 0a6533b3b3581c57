import { findAuthoritative } from '../../src/dns/authoritative.ts';
import { caaForbidsError, checkCaa } from '../../src/dns/caa/check.ts';
import { judgeCaa } from '../../src/dns/caa/judge.ts';
import { findRelevantSet } from '../../src/dns/caa/relevant-set.ts';
import type { Query } from '../../src/dns/query.ts';
import { createResolver } from '../../src/dns/resolver.ts';
import { delegationFault } from '../../src/dns/zone-cut.ts';
import { errorRegistry } from '../../src/errors.ts';
import { alias, caaTable, set } from '../harness/dns/caa-table.ts';
import {
  NAME,
  nameServers,
  RECORD,
  refersToRoot,
  refused,
  type ServerScript,
  serves,
  startWait,
  timeoutOf,
  unreachable,
} from '../harness/dns/propagation.ts';
import { delegation, memoryResolver, rr } from '../harness/dns/resolver.ts';
import type { WordingRow } from './row.ts';

const signal = new AbortController().signal;
const RESOLVER = { address: '192.0.2.53', port: 53 };
const QUESTION = { name: 'app.example.com', type: 'A' } as const;
const addressless = memoryResolver(delegation('example.com', { 'ns1.example.net': [] }));

let queries = 0;
/** The first resolver fails, and the second does not answer. */
const silent: Query = async () => {
  queries += 1;
  if (queries % 2 === 1) return { rcode: 'SERVFAIL', answers: [], authorities: [] };
  throw new Error('no answer within 2000 ms');
};

const ISSUERS = ['ca.example'];
const CAA_REQUEST = {
  issuers: ISSUERS,
  accountUrls: ['https://ca.example/1'],
  method: 'dns-01',
} as const;
const caaFaults: readonly (readonly [value: string, says: string])[] = [
  ['0 issue ";"', 'permits no CA'],
  ['0 issue "%%%%%"', 'is malformed, so it permits no CA'],
  ['0 issue "ca2.example"', 'permits ca2.example only'],
  ['0 issue "ca.example; accounturi=https://ca.example/2"', 'permits the account https://ca.example/2 only'],
  ['0 issue "ca.example; accounturi=x; accounturi=y"', 'has accounturi more than once, so it permits no CA'],
  ['0 issue "ca.example; validationmethods=http-01,x"', 'permits validation by http-01, x only'],
  ['0 issue "ca.example; validationmethods="', 'permits no validation method'],
  [
    '0 issue "ca.example; validationmethods=x; validationmethods=x"',
    'has validationmethods more than once, so it permits no CA',
  ],
  [
    '0 issue "ca.example; validationmethods=,"',
    'has a malformed list of validationmethods, so it permits no CA',
  ],
  ['128 tbs "x"', 'is critical, and tbs is unknown, so no CA may issue'],
];

const old: ServerScript = () => ({ answers: [rr(NAME, 'TXT', 'old')] });

export const rows: readonly WordingRow[] = [
  {
    when: 'name servers do not serve a record in time',
    say: () =>
      timeoutOf(
        startWait(nameServers(serves, old, refused, refersToRoot, unreachable), { timeoutMs: 200 }).waiting,
      ),
    message: `after 0.2 s not every name server of example.com serves the published records: ns2.example.net (192.0.2.2) lacks ${NAME} TXT new (serves old); ns3.example.net (192.0.2.3) answers REFUSED; ns4.example.net (192.0.2.4) does not serve example.com: it answers with a referral to the root; ns5.example.net (192.0.2.5) did not answer: connect ECONNREFUSED`,
    hint: 'Check that the domain is delegated to the name servers of this provider; raise DNS_PROPAGATION_TIMEOUT if they are only slow.',
  },
  {
    when: 'a secondary does not serve what its primary accepted',
    say: () => timeoutOf(startWait(nameServers(serves, old), { timeoutMs: 1000, byNotify: true }).waiting),
    message: `after 1 s not every name server of example.com serves the published records: ns2.example.net (192.0.2.2) lacks ${NAME} TXT new (serves old)`,
    hint: 'Make the primary send NOTIFY to ns2.example.net after every update (docs/providers.md shows how for BIND, Knot and PowerDNS), and allow the zone transfer: most likely one of the two failed. If the primary cannot send NOTIFY, raise DNS_PROPAGATION_TIMEOUT above the refresh interval of the SOA record.',
  },
  {
    when: 'no name server serves what the primary accepted',
    say: () => timeoutOf(startWait(nameServers(old), { timeoutMs: 1000, byNotify: true }).waiting),
    message: `after 1 s not every name server of example.com serves the published records: ns1.example.net (192.0.2.1) lacks ${NAME} TXT new (serves old)`,
    hint: 'Check that the domain is delegated to the primary of RFC2136_NAMESERVER and its secondaries. Make the primary send NOTIFY to ns1.example.net after every update (docs/providers.md shows how for BIND, Knot and PowerDNS), and allow the zone transfer: most likely one of the two failed. If the primary cannot send NOTIFY, raise DNS_PROPAGATION_TIMEOUT above the refresh interval of the SOA record.',
  },
  {
    when: 'no name server answers, and the resolvers lack the record',
    say: () =>
      timeoutOf(
        startWait(nameServers(unreachable), { resolver: memoryResolver({}).resolve }, [{ record: RECORD }])
          .waiting,
      ),
    message: `after 10 s no name server of example.com answers at any address, and the resolvers do not return the published records: ns1.example.net (192.0.2.1) did not answer: connect ECONNREFUSED; the resolver lacks ${NAME} TXT new (answers NXDOMAIN)`,
    hint: 'Allow outgoing port 53 (UDP and TCP) to any address: a firewall seems to filter or redirect it. Or set DNS_RESOLVERS to resolvers that have not cached an older answer.',
  },
  {
    when: 'the zone delegates the name to other name servers',
    say: () => misassigned('example.com', 'app.example.com'),
    message:
      'app.example.com belongs to the zone example.com of the account, but the public DNS serves the name from the zone app.example.com, which example.com delegates to other name servers',
    hint: 'Give the ingress access to the zone app.example.com, where it is hosted, or remove the NS records of app.example.com from example.com.',
  },
  {
    when: 'the zone delegates the challenge name to other name servers',
    say: () => misassigned('example.com', '_acme-challenge.app.example.com'),
    message:
      '_acme-challenge.app.example.com belongs to the zone example.com of the account, but the public DNS serves the name from the zone _acme-challenge.app.example.com, which example.com delegates to other name servers',
    hint: 'Give the ingress access to the zone _acme-challenge.app.example.com, where it is hosted, or remove the NS records of _acme-challenge.app.example.com from example.com.',
  },
  {
    when: 'the zone is not delegated',
    say: () => misassigned('app.example.com', 'example.com'),
    message:
      'app.example.com belongs to the zone app.example.com of the account, but app.example.com is not delegated: the public DNS serves the name from the zone example.com',
    hint: 'Add the NS records of app.example.com to example.com, or remove the zone app.example.com from the account and give access to example.com.',
  },
  {
    when: 'no resolver answers',
    say: () => failure(createResolver([RESOLVER, RESOLVER], silent)(QUESTION, signal)),
    message:
      'no resolver answered for app.example.com A (192.0.2.53 answers SERVFAIL; 192.0.2.53: no answer within 2000 ms)',
    hint: errorRegistry.DNS_LOOKUP_FAILED.hint,
  },
  {
    when: 'no resolver is configured',
    say: () => failure(createResolver([])(QUESTION, signal)),
    message: 'no resolver answered for app.example.com A (none is configured)',
  },
  {
    when: 'the public DNS has no zone for a name',
    say: () => failure(findAuthoritative('app.example.com', undefined, memoryResolver({}).resolve, signal)),
    message: 'the public DNS has no zone for app.example.com',
    hint: 'Check that the domain is registered and delegated to the name servers of the DNS provider.',
  },
  {
    when: 'no name server of a zone has an address',
    say: () => failure(findAuthoritative('app.example.com', 'example.com', addressless.resolve, signal)),
    message: 'no name server of the zone example.com has an address',
    hint: 'Check the delegation of example.com at its registrar.',
  },
  {
    when: 'a name leads into a loop of aliases',
    say: () => failure(findRelevantSet('app.example.com', async () => alias('a.example'), signal)),
    message: 'the CNAME at app.example.com leads into a loop at a.example',
    hint: 'Point the CNAME at app.example.com to a name that has addresses.',
  },
  {
    when: 'a name leads through too many aliases',
    say: () => failure(findRelevantSet('app.example.com', async (name) => alias(`a.${name}`), signal)),
    message: 'the CNAME at app.example.com leads through more than 11 aliases',
    hint: 'Point the CNAME at app.example.com to a name that has addresses.',
  },
  {
    when: 'CAA forbids two names, one by the set of an alias target',
    say: () => caaError(['app.example.com', 'www.example.org'], ISSUERS),
    message:
      'CAA at gateway.example.net forbids a certificate for app.example.com with the production account: CAA 128 tbs "x" is critical, and tbs is unknown, so no CA may issue, CAA 0 issue "other.example" permits other.example only; CAA at example.org forbids a certificate for www.example.org with the production account: CAA 0 issue ";" permits no CA',
    hint: `Remove the record gateway.example.net CAA 128 tbs "x" (app.example.com is an alias of gateway.example.net; a CAA record at app.example.com itself would take precedence). Add the record gateway.example.net CAA 0 issue "ca.example;validationmethods=dns-01;accounturi=https://ca.example/1" (app.example.com is an alias of gateway.example.net; a CAA record at app.example.com itself would take precedence). Add the record example.org CAA 0 issue "ca.example;validationmethods=dns-01;accounturi=https://ca.example/1". ${errorRegistry.CAA_FORBIDS.byItself}`,
  },
  ...caaFaults.map(([value, says]) => ({
    when: `a CAA record ${value}`,
    say: () => judgeCaa([value], { ...CAA_REQUEST, wildcard: false })?.faults[0]?.says,
    message: says,
  })),
];

function misassigned(zone: string, apex: string) {
  return delegationFault({ domain: 'app.example.com', zone, registeredDomain: 'example.com' }, apex);
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

async function caaError(names: readonly string[], issuers: readonly string[]) {
  const { lookUp } = caaTable({
    'app.example.com': alias('gateway.example.net'),
    'gateway.example.net': set('128 tbs "x"', '0 issue "other.example"'),
    'example.org': set('0 issue ";"'),
  });
  const accounts = [{ ...CAA_REQUEST, issuers, account: 'production' }];
  return caaForbidsError(await checkCaa(names, accounts, lookUp, signal));
}
