import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { createMemoryAcmeClient, type PollResult } from '../../test/harness/ca/memory-acme-client.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { IngressError } from '../errors.ts';
import type { ChallengeValue } from '../records/challenges.ts';
import { download, finalize, pendingAuthorizations, solveChallenges } from './order.ts';
import { problemError, problemOf } from './problem.ts';
import { createCsr, createKey } from './request.ts';

const NAME = 'app.example.com';
const MINUTE = 60_000;

interface Options {
  readonly names?: readonly string[];
  readonly signal?: AbortSignal;
  /** Called between the values and the response. */
  readonly present?: (values: readonly ChallengeValue[]) => Promise<void>;
}

/** The phases of an order one after the other, as an attempt makes them. */
function setUp({ names = [NAME], signal = new AbortController().signal, present }: Options = {}) {
  const clock = createFakeClock();
  const authority = createMemoryAcmeClient(clock);
  const presented: ChallengeValue[][] = [];
  const obtain = async () => {
    const conversation = { client: authority, clock, signal };
    const { order } = await authority.createOrder({ names }, signal);
    const proofs = await pendingAuthorizations(order, conversation);
    const values = proofs.map(({ value }) => value);
    if (values.length > 0) presented.push(values);
    await present?.(values);
    await solveChallenges(proofs, conversation);
    const csr = await createCsr(names, await createKey('ecdsa'));
    return download(await finalize(order, csr, conversation), conversation);
  };
  return { clock, authority, presented, obtain };
}

async function failure(obtaining: Promise<unknown>, code: string): Promise<IngressError> {
  const thrown: unknown = await obtaining.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(thrown instanceof IngressError, String(thrown));
  assert.equal(thrown.code, code);
  return thrown;
}

test('the way of a certificate: order, value, response, validation, finalization, download', async () => {
  const { authority, presented, obtain } = setUp();
  const chainPem = await obtain();
  assert.deepEqual(authority.calls, [
    `createOrder ${NAME}`,
    'getAuthorizations',
    `challengeValue token-${NAME}-dns-01`,
    `respond token-${NAME}-dns-01`,
    `pollAuthorization ${NAME}`,
    'finalize',
    'downloadCertificate',
  ]);
  assert.deepEqual(presented, [
    [{ domain: NAME, name: `_acme-challenge.${NAME}`, value: `value-of-token-${NAME}-dns-01` }],
  ]);
  assert.equal(new X509Certificate(chainPem).subjectAltName, `DNS:${NAME}`);
});

for (const [keyType, details] of [
  ['ecdsa', { namedCurve: 'prime256v1' }],
  ['rsa', { modulusLength: 2048, publicExponent: 65537n }],
] as const) {
  test(`a key is new each time, and ${keyType} where that is asked for`, async () => {
    const [first, second] = [await createKey(keyType), await createKey(keyType)];
    assert.notEqual(first.reveal(), second.reveal());
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(first.reveal());
    assert.deepEqual(
      [asymmetricKeyType, asymmetricKeyDetails],
      [keyType === 'ecdsa' ? 'ec' : 'rsa', details],
    );
    assert.match(first.reveal(), /^-----BEGIN PRIVATE KEY-----/);
  });
}

test('the CA is told of no challenge before its value is seen', async () => {
  const { authority, obtain } = setUp({
    present: async () => {
      assert.ok(!authority.calls.some((call) => call.startsWith('respond')));
      throw new IngressError('PROPAGATION_TIMEOUT', 'not seen');
    },
  });
  await failure(obtain(), 'PROPAGATION_TIMEOUT');
  assert.ok(!authority.calls.some((call) => call.startsWith('respond')));
});

test('a wildcard is proven at its base name', async () => {
  const { presented, obtain } = setUp({ names: ['*.example.com'] });
  await obtain();
  assert.deepEqual(
    presented.flat().map(({ name }) => name),
    ['_acme-challenge.example.com'],
  );
});

test('several names are presented together, and all are waited for', async () => {
  const { authority, presented, obtain } = setUp({ names: ['example.com', '*.example.com'] });
  await obtain();
  assert.equal(presented.length, 1);
  assert.equal(new Set(presented[0]?.map(({ value }) => value)).size, 2);
  assert.equal(authority.calls.filter((call) => call.startsWith('pollAuthorization')).length, 2);
});

test('a validation that the CA remembers is not proven again', async () => {
  const { authority, presented, obtain } = setUp({ names: [NAME, 'www.example.com'] });
  authority.authorizationStatus.set('www.example.com', 'valid');
  await obtain();
  assert.deepEqual(
    presented.flat().map(({ name }) => name),
    [`_acme-challenge.${NAME}`],
  );
  assert.deepEqual(
    authority.calls.filter((call) => /^(challengeValue|respond|pollAuthorization) (token-)?www/.test(call)),
    [],
  );
});

test('when all validations are remembered nothing is presented', async () => {
  const { authority, presented, obtain } = setUp();
  authority.authorizationStatus.set(NAME, 'valid');
  await obtain();
  assert.deepEqual(presented, []);
  assert.deepEqual(authority.calls, [
    `createOrder ${NAME}`,
    'getAuthorizations',
    'finalize',
    'downloadCertificate',
  ]);
});

test('a CA that offers no dns-01 has answered badly', async () => {
  const { authority, presented, obtain } = setUp();
  authority.challengeTypes = ['http-01', 'tls-alpn-01'];
  const { message } = await failure(obtain(), 'ACME_BAD_ANSWER');
  assert.match(message, /app\.example\.com offers no dns-01 challenge/);
  assert.deepEqual(presented, []);
});

for (const status of ['deactivated', 'expired', 'revoked']) {
  test(`a new order with an authorization that is ${status} is a bad answer`, async () => {
    const { authority, presented, obtain } = setUp();
    authority.authorizationStatus.set(NAME, status);
    assert.match((await failure(obtain(), 'ACME_BAD_ANSWER')).message, new RegExp(`is ${status}`));
    assert.deepEqual(presented, []);
  });
}

const problem = {
  type: 'urn:ietf:params:acme:error:dns',
  detail: 'NXDOMAIN looking up TXT',
  status: 400,
  subproblems: [],
};

test('a validation that fails says why, and keeps the problem', async () => {
  const { authority, obtain } = setUp();
  authority.validation = [{ status: 'pending' }, { status: 'invalid', error: problem }];
  const error = await failure(obtain(), 'ACME_ORDER_FAILED');
  assert.match(error.message, /could not validate app\.example\.com: NXDOMAIN looking up TXT.* \(\w+\)$/);
  assert.deepEqual(problemOf(error), problem);
  assert.ok(!authority.calls.includes('finalize'));
});

test('a validation that fails without a word is a failure all the same', async () => {
  const { authority, obtain } = setUp();
  authority.validation = [{ status: 'invalid' }];
  const error = await failure(obtain(), 'ACME_ORDER_FAILED');
  assert.equal(error.message, 'the certificate authority could not validate app.example.com');
  assert.equal(problemOf(error), undefined);
});

test('every name whose validation failed is told', async () => {
  const { authority, obtain } = setUp({ names: [NAME, 'www.example.com', '*.example.com'] });
  const { pollAuthorization } = authority;
  authority.pollAuthorization = async (last, signal) => {
    const { now, pauseMs } = await pollAuthorization(last, signal);
    return { now: last.url.endsWith(`/${NAME}`) ? now : { ...now, status: 'invalid' as const }, pauseMs };
  };
  const error = await failure(obtain(), 'ACME_ORDER_FAILED');
  assert.deepEqual(error.details['invalid'], ['www.example.com', '*.example.com']);
});

test('an authorization that failed before a restart is an order that failed', async () => {
  const { authority, presented, obtain } = setUp();
  authority.authorizationStatus.set(NAME, 'invalid');
  const error = await failure(obtain(), 'ACME_ORDER_FAILED');
  assert.match(error.message, /could not validate app\.example\.com/);
  assert.deepEqual(presented, []);
});

test('an order that is processed for a while is waited for', async () => {
  const { authority, clock, obtain } = setUp();
  authority.issuance = [{ status: 'processing' }, { status: 'processing' }, { status: 'valid' }];
  await obtain();
  assert.equal(authority.calls.filter((call) => call === 'pollOrder').length, 2);
  assert.deepEqual(clock.waits.slice(-2), [200, 320]);
});

test('an order that becomes invalid says why, and nothing is downloaded', async () => {
  const { authority, obtain } = setUp();
  const caa = { ...problem, type: 'urn:ietf:params:acme:error:caa', detail: 'CAA forbids' };
  authority.issuance = [{ status: 'processing' }, { status: 'invalid', error: caa }];
  const error = await failure(obtain(), 'ACME_ORDER_FAILED');
  assert.match(error.message, /did not issue: CAA forbids/);
  assert.deepEqual(problemOf(error), caa);
  assert.ok(!authority.calls.includes('downloadCertificate'));
});

function refusal(type: string): IngressError {
  return problemError({ ...problem, type: `urn:ietf:params:acme:error:${type}` }, undefined);
}

/** A CA that does what it is asked, and then says no: as to a request that is sent again because its answer was lost. */
function refuseWhatIsDone(
  authority: ReturnType<typeof createMemoryAcmeClient>,
  verb: 'respond' | 'finalize',
  type: string,
) {
  const work = authority[verb];
  const twice = async (...asked: never[]) => {
    await Reflect.apply(work, authority, asked);
    throw refusal(type);
  };
  Object.assign(authority, { [verb]: twice });
}

test('a challenge that was answered before, unheard, is waited for', async () => {
  const { authority, obtain } = setUp();
  authority.validation = [{ status: 'valid' }];
  refuseWhatIsDone(authority, 'respond', 'malformed');
  await obtain();
});

test('an answer to a challenge that is refused is a failure when the authorization has not gone on', async () => {
  const { authority, obtain } = setUp();
  authority.validation = [{ status: 'pending' }];
  refuseWhatIsDone(authority, 'respond', 'malformed');
  assert.deepEqual(problemOf(await failure(obtain(), 'ACME_PROBLEM')), problemOf(refusal('malformed')));
});

for (const status of ['processing', 'valid']) {
  test(`an order that was finalized before, unheard, and is ${status}, is gone on with`, async () => {
    const { authority, obtain } = setUp();
    authority.issuance = [{ status }, { status: 'valid' }];
    refuseWhatIsDone(authority, 'finalize', 'orderNotReady');
    await obtain();
  });
}

test('an order that was finalized before, unheard, and refused, says why', async () => {
  const { authority, obtain } = setUp();
  const caa = { ...problem, type: 'urn:ietf:params:acme:error:caa', detail: 'CAA forbids' };
  authority.issuance = [{ status: 'invalid', error: caa }];
  refuseWhatIsDone(authority, 'finalize', 'orderNotReady');
  assert.match((await failure(obtain(), 'ACME_ORDER_FAILED')).message, /CAA forbids/);
});

test('an order that is not ready, and was not finalized, is a failure', async () => {
  const { authority, obtain } = setUp();
  authority.issuance = [{ status: 'ready' }];
  authority.before = (call) => {
    if (call === 'finalize') throw refusal('orderNotReady');
  };
  assert.deepEqual(problemOf(await failure(obtain(), 'ACME_PROBLEM')), problemOf(refusal('orderNotReady')));
});

for (const [what, answer] of [
  ['a page', '<html>'],
  // The library gives what it has parsed, whatever its types say.
  ['JSON', { status: 'busy' } as unknown as string],
] as const) {
  test(`${what} in the place of the certificate is a bad answer, and no certificate`, async () => {
    const { authority, obtain } = setUp();
    authority.downloadCertificate = async () => answer;
    await failure(obtain(), 'ACME_BAD_ANSWER');
  });
}

const slow: [
  title: string,
  change: Partial<Record<'validation' | 'issuance', [PollResult]>>,
  message: RegExp,
][] = [
  ['validation', { validation: [{ status: 'pending' }] }, /has not validated app\.example\.com within 180 s/],
  ['issuance', { issuance: [{ status: 'processing' }] }, /has not issued within 180 s/],
];
for (const [title, change, message] of slow) {
  test(`a ${title} that does not end is given up after three minutes, with pauses of at most 10 s`, async () => {
    const { authority, clock, obtain } = setUp();
    Object.assign(authority, change);
    const start = clock.now().getTime();
    assert.match((await failure(obtain(), 'ACME_SLOW')).message, message);
    const waited = clock.now().getTime() - start;
    assert.ok(waited >= 3 * MINUTE && waited <= 3 * MINUTE + 200, `${waited} ms`);
    assert.equal(Math.max(...clock.waits), 10_000);
  });
}

const pauses: [asked: number | undefined, expected: number[]][] = [
  [undefined, [200, 320, 512]],
  [0, [200, 320, 512]],
  [400, [200, 400, 512]],
  [3000, [200, 3000, 3000]],
  [3_600_000, [200, 10_000, 10_000]],
];
for (const [pauseMs, expected] of pauses) {
  test(`a CA that asks for ${pauseMs} ms is asked after ${expected.join(', ')} ms`, async () => {
    const { authority, clock, obtain } = setUp();
    const step: PollResult = { status: 'pending', ...(pauseMs === undefined ? {} : { pauseMs }) };
    authority.validation = [step, step, { status: 'valid' }];
    await obtain();
    assert.deepEqual(clock.waits, expected);
  });
}

test('the wish of one answer does not outlast it', async () => {
  const { authority, clock, obtain } = setUp();
  authority.validation = [{ status: 'pending', pauseMs: 5000 }, { status: 'pending' }, { status: 'valid' }];
  await obtain();
  assert.deepEqual(clock.waits, [200, 5000, 512]);
});

for (const verb of [
  'getAuthorizations',
  'respond',
  'pollAuthorization',
  'finalize',
  'pollOrder',
  'downloadCertificate',
]) {
  test(`a failure of ${verb} is thrown as it is`, async () => {
    const { authority, obtain } = setUp();
    authority.issuance = [{ status: 'processing' }, { status: 'valid' }];
    const thrown = new IngressError('ACME_UNREACHABLE', 'broken');
    authority.before = (call) => {
      if (call.startsWith(verb)) throw thrown;
    };
    await assert.rejects(obtain(), thrown);
  });
}

test('an abort ends the wait with its reason', async () => {
  const abort = new AbortController();
  const { authority, obtain } = setUp({ signal: abort.signal });
  authority.validation = [{ status: 'pending' }];
  authority.before = (call) => {
    if (call.startsWith('pollAuthorization')) abort.abort(new Error('stopped'));
  };
  await assert.rejects(obtain(), /stopped/);
});
