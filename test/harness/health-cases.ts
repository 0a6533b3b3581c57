import type { CertificateFacts } from '../../src/certificates/certificate.ts';
import type { Handshake } from '../../src/status/health.ts';
import type { NameState, State } from '../../src/status/state.ts';

/** What a health check found. */
export interface HealthCase {
  readonly handshakes: readonly Handshake[];
  /** How many names are served. */
  readonly names: number;
  readonly now: Date;
  readonly state?: State;
}

const facts: CertificateFacts = {
  names: ['app.example.com'],
  serial: '01',
  fingerprint256: 'AB',
  issuer: 'CN=(STAGING) Pretend Pear',
  notBefore: new Date('2026-10-01T00:00:00Z'),
  notAfter: new Date('2026-12-30T00:00:00Z'),
};
const now = new Date('2026-11-01T00:00:00Z');
const minutesLater = (minutes: number) => new Date(now.getTime() + minutes * 60_000).toISOString();

const failed = (code: string, message: string) => Object.assign(new Error(message), { code });
const served = (domain: string, day = 30): Handshake => ({
  domain,
  facts: { ...facts, names: [domain], notAfter: new Date(`2026-12-${day}T00:00:00Z`) },
});
const none = (domain: string): Handshake => ({
  domain,
  thrown: failed('ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'x'),
});
const refused = (domain: string): Handshake => ({ domain, thrown: failed('ECONNREFUSED', 'connect') });
const expired = (domain: string): Handshake => ({
  domain,
  facts: { ...facts, names: [domain], notAfter: new Date('2026-10-30T00:00:00Z') },
});

const together = (handshakes: readonly Handshake[], names = handshakes.length): HealthCase => ({
  ...{ handshakes, names, now },
});
const presented = (domain: string, certificate = facts, at = now): HealthCase => ({
  ...{ handshakes: [{ domain, facts: certificate }], names: 1, now: at },
});
const threw = (thrown: unknown) => together([{ domain: 'app.example.com', thrown }]);

const down: NonNullable<NameState['failure']> = {
  ...{ code: 'PROVIDER_UNREACHABLE', message: 'no answer', hint: 'Check the network.', retryable: true },
  nextAttempt: minutesLater(1),
};
const rejected: NonNullable<NameState['failure']> = {
  ...{ code: 'PROVIDER_CREDENTIALS_REJECTED', message: 'bad token', hint: 'Make a new one.' },
  ...{ retryable: false, nextAttempt: minutesLater(1) },
};
const waiting = { since: minutesLater(0), sentence: 'waiting for the name servers' };
const expiredLife = { serial: '1', notAfter: '2026-10-30T00:00:00.000Z' };
const stateOf = (names: readonly NameState[], changes: Partial<State> = {}): State => ({
  ...{ pid: 1, version: '1', provider: 'cloudflare', startedAt: minutesLater(-1), names, warnings: [] },
  ...changes,
});
/** The only name has no certificate; the ingress has written this state. */
const unserved = (name: Omit<NameState, 'domain'>, changes: Partial<State> = {}): HealthCase => ({
  ...together([none('a.x')]),
  state: stateOf([{ domain: 'a.x', ...name }], changes),
});

/** The inputs of `judge`, by description. */
export const healthCases = {
  'a valid certificate for the name, from any issuer': presented('app.example.com'),
  'a wildcard': presented('*.example.com', { ...facts, names: ['*.example.com'] }),
  'an expired certificate': presented('app.example.com', facts, new Date('2026-12-30T00:00:00Z')),
  'a certificate for another name': presented('other.example.com'),

  'a closed port': threw(failed('ECONNREFUSED', 'connect')),
  'a missing socket': threw(failed('ENOENT', 'connect')),
  'a refused name': threw(failed('ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'x')),
  'a refused name, as another OpenSSL calls it': threw(failed('ERR_SSL_TLSV1_ALERT_UNRECOGNIZED_NAME', 'x')),
  'any other error': threw(failed('ECONNRESET', 'read\nECONNRESET\n')),
  'no answer': threw(new Error('no handshake within 3 s')),

  'several, all served; the first end counts': together([served('a.x', 30), served('b.x', 28)]),
  'several, four without a certificate': together([
    ...[none('a.x'), served('b.x'), none('c.x'), none('d.x'), none('e.x')],
  ]),
  'several, none with a certificate': together([none('a.x'), none('b.x')]),
  'several, one expired': together([served('a.x'), expired('b.x'), none('c.x')]),
  'several, one with the certificate of another': together([
    ...[served('a.x'), { ...served('b.x'), domain: 'c.x' }],
  ]),
  'several, a closed port': together([refused('a.x'), refused('b.x')]),
  'some of many': together([served('a.x'), served('b.x')], 1000),

  'a start in which nothing has happened': unserved({}),
  'a start that waits': unserved({}, { waiting }),
  'a start while the provider is down': unserved({ failure: down }),
  'a start with rejected credentials': unserved({ failure: rejected }),
  'a start whose next order is far away': unserved({
    held: { until: minutesLater(60), sentence: 'used up' },
  }),
  'a start of ten minutes': unserved({ failure: down }, { startedAt: minutesLater(-10) }),
  'a start of fifteen minutes that waits for something with an end': unserved(
    {},
    { startedAt: minutesLater(-15), waiting: { ...waiting, until: minutesLater(5) } },
  ),
  'a start with a certificate that had expired before': unserved({ failure: down, expired: expiredLife }),
  'a start in which one of two names may come up without help': {
    ...together([none('a.x'), none('b.x')]),
    state: stateOf([{ domain: 'a.x', failure: rejected }, { domain: 'b.x' }]),
  },

  'an expired certificate that is not served, beside a name that is': {
    ...together([served('a.x'), none('b.x')]),
    state: stateOf([{ domain: 'a.x' }, { domain: 'b.x', expired: expiredLife }]),
  },
  'a certificate near its end that is not renewed': {
    ...{ handshakes: [served('a.x', 30)], names: 1, now: new Date('2026-12-29T18:00:00Z') },
    state: stateOf([{ domain: 'a.x', failure: down }]),
  },
} satisfies Readonly<Record<string, HealthCase>>;
