import type { AuthoritativeServer } from '../../src/dns/authoritative.ts';
import { initialState, type ServerState } from '../../src/dns/server-state.ts';
import { delegationFault } from '../../src/dns/zone-cut.ts';
import { errorRegistry, IngressError } from '../../src/errors.ts';
import { manageCertificate } from '../../src/reconcile/deps.ts';
import { peekStored } from '../../src/reconcile/forecast.ts';
import { newCertificateUnusable } from '../../src/reconcile/issue.ts';
import { unknownZone } from '../../src/reconcile/preflight.ts';
import { noServerAnswered, serversPassedOver, waitUntilSettled } from '../../src/reconcile/propagation.ts';
import { unconfirmedDelegationFault } from '../../src/reconcile/zones.ts';
import type { WordingRow } from './row.ts';

const NAME = 'app.example.com';
const never = new AbortController().signal;

/** A name server that gave no answer to the last probe. */
function silentServer(number: number): ServerState {
  const server: AuthoritativeServer = {
    ...{ hostname: `ns${number}.example.net`, address: `192.0.2.${number}`, port: 53 },
  };
  const problems = ['did not answer: no answer within 2000 ms'];
  const last = { kind: 'unreachable', problems, unroutable: false } as const;
  return { ...initialState(server), last };
}

/** The warning of a plan about a stored certificate whose files do not match. */
async function warningWhilePeeking(): Promise<string> {
  const warnings: string[] = [];
  const peek = () =>
    Promise.reject(
      new IngressError('CERTIFICATE_UNUSABLE', 'the private key matches no certificate in the chain'),
    );
  await peekStored(
    { store: { peek }, warn: (sentence) => void warnings.push(sentence) },
    manageCertificate([NAME]),
  );
  return warnings.join('\n');
}

/** What is thrown for a provider that does not deploy a change in time. */
function unsettled(): Promise<unknown> {
  const settled = (_: unknown, signal: AbortSignal) =>
    new Promise<void>((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
    );
  const zone = { id: 'z1', name: 'example.com' };
  return waitUntilSettled({ name: 'route53', settled }, zone, 20, never).catch((thrown: unknown) => thrown);
}

/** The fault of a zone that the public DNS does not delegate. */
const undelegated = delegationFault(
  { domain: NAME, zone: NAME, registeredDomain: 'example.com' },
  'example.com',
);

export const rows: readonly WordingRow[] = [
  {
    when: 'a plan: the stored certificate cannot be served',
    say: warningWhilePeeking,
    message: 'the stored certificate cannot be served: the private key matches no certificate in the chain',
  },
  {
    when: 'a new certificate cannot be used',
    say: () => newCertificateUnusable('it is already due for renewal'),
    message: 'the new certificate cannot be used: it is already due for renewal',
    hint: 'Check the clock of this machine.',
  },
  {
    when: 'the zone of a name was not found',
    say: () => unknownZone(NAME),
    message: 'the zone of app.example.com is unknown',
    hint: errorRegistry.ZONE_NOT_FOUND.hint,
  },
  {
    when: 'only the resolvers say that a zone is not delegated',
    say: () => undelegated && unconfirmedDelegationFault(undelegated),
    message:
      'app.example.com belongs to the zone app.example.com of the account, but app.example.com is not delegated: the public DNS serves the name from the zone example.com (according to the resolvers; no name server could be queried)',
  },
  {
    when: 'one name server was passed over',
    say: () => serversPassedOver('example.com', [silentServer(2)]),
    message:
      'all name servers of example.com that answer serve the published records; the ingress continued without this server: ns2.example.net (192.0.2.2) did not answer: no answer within 2000 ms. Repair this server, or remove it from the delegation',
  },
  {
    when: 'two name servers were passed over',
    say: () => serversPassedOver('example.com', [silentServer(2), silentServer(3)]),
    message:
      'all name servers of example.com that answer serve the published records; the ingress continued without these servers: ns2.example.net (192.0.2.2) did not answer: no answer within 2000 ms; ns3.example.net (192.0.2.3) did not answer: no answer within 2000 ms. Repair these servers, or remove them from the delegation',
  },
  {
    when: 'no name server answered, and the resolvers have the records',
    say: () => noServerAnswered('example.com', [silentServer(1)]),
    message:
      'no name server of example.com answered at any address, so outgoing port 53 seems to be filtered or redirected; the resolvers returned the published records, and the ingress continued: ns1.example.net (192.0.2.1) did not answer: no answer within 2000 ms. Allow outgoing port 53 (UDP and TCP) to any address, so that changes are detected sooner',
  },
  {
    when: 'a provider does not deploy a change in time',
    say: unsettled,
    message: 'after 0.02 s route53 has not propagated the change to all of its name servers',
    hint: errorRegistry.PROPAGATION_TIMEOUT.hint,
  },
];
