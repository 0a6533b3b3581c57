import { sentenceOf } from '../../src/event-messages.ts';
import type { EventType } from '../../src/events.ts';
import { sampleEvents } from '../harness/sample-events.ts';
import type { WordingRow } from './row.ts';

/** The sentences of the samples of each event. */
const sentences: Readonly<Record<EventType, readonly string[]>> = {
  starting: ['starting'],
  'https-proxy': ['HTTPS goes through the proxy proxy:3128'],
  stopping: ['stopping; open connections may finish'],
  stopped: ['stopped'],
  'proxy-not-started': ['HAProxy could not be started; exiting'],
  up: ['https://app.example.com is up'],
  'volume-tidied': ['removed temporary files that a crash had left on the volume'],
  'volume-not-tidied': [
    'temporary files that a crash left on the volume could not be removed; the next start retries',
  ],
  'volume-not-writable': [
    'volume not writable: a new certificate could not be stored',
    'volume not writable: no order can be recorded, so no certificate can be ordered',
  ],
  'evidence-failed': [
    '/evidences/ is not served: the evidence server cannot listen on any port of 127.0.0.1',
    'evidence could not be read; the request failed',
    'the evidence server reported an error',
  ],
  'renewal-conf-written': [
    'wrote /le/renewal/x.conf, so that certbot can renew this certificate later',
    'filled in /le/renewal/x.conf: it was empty, as a failed certbot leaves it, and every "certbot renew" would have failed',
  ],
  'renewal-conf-not-written': [
    'could not write renewal/*.conf; everything else works, but certbot cannot renew this certificate later',
  ],
  warning: ['beware', 'beware'],
  'warning-over': ['gateway: the warning no longer applies'],
  'challenge-abandoned': [
    'the challenge of an earlier attempt at _acme-challenge.app.example.com cannot be removed: the account no longer has the zone example.com',
  ],
  'challenge-vanished': [
    'the challenge at _acme-challenge.app.example.com has vanished from the zone, which another client writes too; writing it again',
  ],
  'name-taken': ['it is taken'],
  waiting: [
    "waiting 48 s before the next call to Namecheap, until 2026-11-24T12:30:05.250Z: the ingress's own limit of calls is reached",
    'waiting 0.3 s before the next call to Namecheap, until 2026-11-24T12:30:05.250Z: it asked to wait',
    'another client has a challenge at _acme-challenge.app.example.com, so the CA may have cached an answer without ours; waiting until 2026-11-24T12:30:05.250Z before asking the CA to validate',
    'waiting for every name server to serve the challenge',
    'no name server of example.com answers at any address, so outgoing port 53 seems to be filtered or redirected; waiting for the resolvers to return the records; they are queried from 2026-11-24T12:30:05.250Z on, because a resolver that is queried too early caches the absence',
    'no name server of example.com answers at any address, so outgoing port 53 seems to be filtered or redirected; waiting for the resolvers to return the records',
  ],
  'reconcile-finished': ['reconciliation finished'],
  'reconcile-failed': ['reconciliation failed (records); retrying at 2026-11-24T12:30:05Z'],
  'step-failed': ['step failed: records', 'step failed: reading the zone again; still waiting'],
  progress: ['attempted 20 of 100 certificates'],
  'certificate-unusable': ['the stored certificate cannot be served; it counts as missing'],
  serving: ['serving, verified by a handshake'],
  'chain-cleaned': [
    'serving the certificate without chain entries that do not belong to it: CN=Root (it is a root)',
  ],
  'renewal-scheduled': ['renewal is due at 2026-…: a third is left'],
  'renewal-due': ['renewal has been due since 2026-…'],
  'renewal-advice': ['the CA suggests renewal between 2026-11-24T12:30:05Z and 2027-02-22T09:14:03Z (ARI)'],
  'renewal-advice-failed': ['no renewal information (ARI) from the CA; using what is known'],
  'certificate-expired': [
    'the certificate expired 2 days ago, at 2026-…: it is not served, and a new one is due',
    'the certificate expired 2 days ago, at 2026-…, and is not renewed: no answer (PROVIDER_UNREACHABLE); the next attempt is at 2026-11-24T12:30:05Z',
  ],
  'certificate-ends-soon': [
    'the certificate ends in 5 days, at 2026-…, and is not renewed: no answer (PROVIDER_UNREACHABLE); the next attempt is at 2026-11-24T12:30:05Z',
    'the certificate ends in 5 hours, at 2026-…, and is not renewed',
  ],
  order: ['ordering a certificate: there is no certificate yet'],
  'order-opened': ['order created', 'resuming the order created at 2026-11-24T12:00:00.000Z'],
  'order-deferred': [
    'no order before 2026-11-24T12:30:05.250Z: the last order failed',
    'no order before 2026-11-24T12:30:05.250Z: 5 certificates in 7 days',
    'no order before 2026-11-24T12:30:05.250Z: the last order failed',
  ],
  'caa-unclear': [
    'CAA check inconclusive; ordering anyway',
    'CAA seems to forbid the certificate, but the current one ends soon; ordering anyway',
  ],
  'ledger-failed': ['the failure could not be recorded in the ledger'],
  'staging-dry-run': ['dry run passed at the staging CA; continuing with the production CA'],
  'certificate-issued': ['certificate issued'],
  'records-published': ['records published in zone example.com'],
  'challenge-published': ['challenge published'],
  'records-propagated': [
    'records propagated: served by every name server',
    'records propagated: served by every name server that answers',
    'records propagated: served by the resolvers',
  ],
  'challenge-propagated': ['challenge propagated: served by every name server'],
  'challenge-pruned': ['removed challenges that an earlier attempt had left'],
  'challenge-removed': ['challenge removed'],
  'challenge-retained': [
    'the challenge stays until the next reconciliation, because each write replaces the whole zone',
  ],
  'challenge-not-removed': ['the challenge could not be removed; the next start removes it'],
  'name-regained': ['it is ours again'],
};

export const rows: readonly WordingRow[] = Object.entries(sampleEvents).flatMap(([type, samples]) =>
  samples.map((event, index) => ({
    when: `${type}, sample ${index + 1}`,
    say: () => sentenceOf(event),
    // The key is one of the types.
    message: sentences[type as EventType][index] ?? '',
  })),
);
