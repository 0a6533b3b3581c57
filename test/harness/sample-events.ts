import { IngressError } from '../../src/errors.ts';
import type { EventOf, EventType } from '../../src/events.ts';

const until = new Date('2026-11-24T12:30:05.250Z');
const notAfter = new Date('2027-02-22T09:14:03.000Z');
const error = new IngressError('PROVIDER_UNREACHABLE', 'no answer from api.example.net');
const certificate = ['app.example.com', 'api.example.com'] as const;
const life = { certificate, serial: '04b1', notAfter };
const renewal = { cause: 'no answer (PROVIDER_UNREACHABLE)', nextAttempt: until };
const names = ['_acme-challenge.app.example.com'];
const progress = { zone: 'example.com', servers: 2, seenBy: 1, waitingFor: ['ns2.example.net'], certificate };
const propagated = { zone: 'example.com', servers: 2, seconds: 3.5, certificate };
const provider = { provider: 'namecheap', title: 'Namecheap', until } as const;

/** Events of every type: all variants whose level, fields or sentence differ. */
export const sampleEvents: { readonly [T in EventType]: readonly [EventOf<T>, ...EventOf<T>[]] } = {
  starting: [
    {
      ...{ type: 'starting', version: '1.2.3', domains: certificate, provider: 'namecheap' },
      directoryUrl: 'https://ca.example/directory',
    },
  ],
  'https-proxy': [{ type: 'https-proxy', proxy: 'proxy:3128', noProxy: 'localhost' }],
  stopping: [{ type: 'stopping', signal: 'SIGTERM' }],
  stopped: [{ type: 'stopped' }],
  'proxy-not-started': [{ type: 'proxy-not-started', error }],
  up: [{ type: 'up', name: 'app.example.com', announcement: 'https://app.example.com is up' }],
  'volume-tidied': [{ type: 'volume-tidied', removed: ['live/x.tmp'] }],
  'volume-not-tidied': [{ type: 'volume-not-tidied', error }],
  'volume-not-writable': [
    { type: 'volume-not-writable', certificate, error },
    { type: 'volume-not-writable', error },
  ],
  'evidence-failed': [
    { type: 'evidence-failed', during: 'listen', error },
    { type: 'evidence-failed', during: 'request', url: '/evidences/quote.json', error },
    { type: 'evidence-failed', during: 'serve', error },
  ],
  'renewal-conf-written': [
    { type: 'renewal-conf-written', domain: 'app.example.com', path: '/le/renewal/x.conf', wasEmpty: false },
    { type: 'renewal-conf-written', domain: 'app.example.com', path: '/le/renewal/x.conf', wasEmpty: true },
  ],
  'renewal-conf-not-written': [{ type: 'renewal-conf-not-written', domain: 'app.example.com', error }],

  warning: [
    { type: 'warning', sentence: 'beware' },
    { type: 'warning', sentence: 'beware', subject: 'gateway', replaces: 'be careful' },
  ],
  'warning-over': [{ type: 'warning-over', subject: 'gateway', warning: 'beware' }],
  'challenge-abandoned': [
    { type: 'challenge-abandoned', name: '_acme-challenge.app.example.com', zone: 'example.com' },
  ],
  'challenge-vanished': [{ type: 'challenge-vanished', name: '_acme-challenge.app.example.com' }],
  'name-taken': [
    { type: 'name-taken', name: 'app.example.com', otherOwner: 'b'.repeat(40), sentence: 'it is taken' },
  ],

  waiting: [
    { type: 'waiting', for: 'provider', ...provider, reason: 'budget', waitMs: 48_000 },
    { type: 'waiting', for: 'provider', ...provider, reason: 'asked-to-wait', waitMs: 250 },
    { type: 'waiting', for: 'resolvers', certificate, name: '_acme-challenge.app.example.com', until },
    { type: 'waiting', for: 'challenge', ...progress },
    { type: 'waiting', for: 'records', ...progress, resolvers: { from: until, isDue: false } },
    { type: 'waiting', for: 'records', ...progress, resolvers: { from: until, isDue: true } },
  ],

  'reconcile-finished': [{ type: 'reconcile-finished', certificate, seconds: 12 }],
  'reconcile-failed': [
    {
      ...{ type: 'reconcile-failed', certificate, step: 'records', error, seconds: 12 },
      ...{ attempt: 3, nextAttempt: until },
    },
  ],
  'step-failed': [
    { type: 'step-failed', certificate, step: 'records', error },
    { type: 'step-failed', certificate, step: 'reading the zone again', error, stillWaiting: true },
  ],
  progress: [{ type: 'progress', done: 20, due: 100 }],

  'certificate-unusable': [{ type: 'certificate-unusable', certificate, error }],
  serving: [{ type: 'serving', ...life, name: 'api.example.com', seconds: 0.2 }],
  'chain-cleaned': [{ type: 'chain-cleaned', certificate, dropped: ['CN=Root (it is a root)'] }],
  'renewal-scheduled': [
    { type: 'renewal-scheduled', certificate, until, reason: 'renewal is due at 2026-…: a third is left' },
  ],
  'renewal-due': [{ type: 'renewal-due', certificate, reason: 'renewal has been due since 2026-…' }],
  'renewal-advice': [
    {
      ...{ type: 'renewal-advice', certificateId: 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE' },
      ...{ start: until, end: notAfter, explanationUrl: undefined },
    },
  ],
  'renewal-advice-failed': [{ type: 'renewal-advice-failed', error }],
  'certificate-expired': [
    { type: 'certificate-expired', ...life, words: 'expired 2 days ago, at 2026-…' },
    { type: 'certificate-expired', ...life, words: 'expired 2 days ago, at 2026-…', renewal },
  ],
  'certificate-ends-soon': [
    { type: 'certificate-ends-soon', ...life, words: 'ends in 5 days, at 2026-…', isLastDay: false, renewal },
    {
      ...{ type: 'certificate-ends-soon', ...life, words: 'ends in 5 hours, at 2026-…', isLastDay: true },
      renewal: { cause: undefined, nextAttempt: undefined },
    },
  ],
  order: [{ type: 'order', certificate, reason: 'there is no certificate yet' }],
  'order-opened': [
    {
      type: 'order-opened',
      certificate,
      resumed: false,
      createdAt: '2026-11-24T12:00:00.000Z',
      seconds: 1,
    },
    { type: 'order-opened', certificate, resumed: true, createdAt: '2026-11-24T12:00:00.000Z', seconds: 1 },
  ],
  'order-deferred': [
    {
      ...{ type: 'order-deferred', certificate, until, reason: 'the last order failed', isFirst: true },
      failure: { at: notAfter, code: 'ACME_ORDER_FAILED', message: 'no TXT record' },
    },
    { type: 'order-deferred', certificate, until, reason: '5 certificates in 7 days', isFirst: true },
    {
      ...{ type: 'order-deferred', certificate, until, reason: 'the last order failed', isFirst: false },
      failure: { at: notAfter, code: 'ACME_ORDER_FAILED', message: 'no TXT record' },
    },
  ],
  'caa-unclear': [
    { type: 'caa-unclear', certificate, error: new IngressError('DNS_LOOKUP_FAILED', 'SERVFAIL') },
    { type: 'caa-unclear', certificate, error: new IngressError('CAA_FORBIDS', 'forbidden') },
  ],
  'ledger-failed': [{ type: 'ledger-failed', certificate, error }],
  'staging-dry-run': [
    { type: 'staging-dry-run', certificate, directoryUrl: 'https://staging.example/directory' },
  ],
  'certificate-issued': [{ type: 'certificate-issued', ...life, seconds: 30 }],

  'records-published': [
    {
      ...{ type: 'records-published', zone: 'example.com', written: ['app.example.com A 192.0.2.1'] },
      ...{ removed: [], seconds: 1 },
    },
  ],
  'challenge-published': [{ type: 'challenge-published', names, seconds: 1 }],
  'records-propagated': [
    { type: 'records-propagated', ...propagated, by: 'name servers', someSilent: false },
    { type: 'records-propagated', ...propagated, by: 'name servers', someSilent: true },
    { type: 'records-propagated', ...propagated, by: 'resolvers', someSilent: true },
  ],
  'challenge-propagated': [
    { type: 'challenge-propagated', ...propagated, by: 'name servers', someSilent: false },
  ],
  'challenge-pruned': [{ type: 'challenge-pruned', names }],
  'challenge-removed': [{ type: 'challenge-removed', names }],
  'challenge-retained': [{ type: 'challenge-retained', names }],
  'challenge-not-removed': [{ type: 'challenge-not-removed', error }],
  'name-regained': [{ type: 'name-regained', name: 'app.example.com', sentence: 'it is ours again' }],
};
