import { delegationFault } from '../../src/dns/zone-cut.ts';
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
import { memoryResolver, rr } from '../harness/dns/resolver.ts';
import type { WordingRow } from './row.ts';

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
    hint: 'Let the primary send NOTIFY to ns2.example.net after every update, as docs/providers.md says for BIND, Knot and PowerDNS, and allow the transfer of the zone: most likely one of the two failed. Where the primary cannot send NOTIFY, raise DNS_PROPAGATION_TIMEOUT above the refresh interval of the SOA record.',
  },
  {
    when: 'no name server serves what the primary accepted',
    say: () => timeoutOf(startWait(nameServers(old), { timeoutMs: 1000, byNotify: true }).waiting),
    message: `after 1 s not every name server of example.com serves the published records: ns1.example.net (192.0.2.1) lacks ${NAME} TXT new (serves old)`,
    hint: 'Check that the domain is delegated to the primary of RFC2136_NAMESERVER and its secondaries. Let the primary send NOTIFY to ns1.example.net after every update, as docs/providers.md says for BIND, Knot and PowerDNS, and allow the transfer of the zone: most likely one of the two failed. Where the primary cannot send NOTIFY, raise DNS_PROPAGATION_TIMEOUT above the refresh interval of the SOA record.',
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
];

function misassigned(zone: string, apex: string) {
  return delegationFault({ domain: 'app.example.com', zone, registeredDomain: 'example.com' }, apex);
}
