import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { createMemoryAcmeClient, type PollResult } from '../../test/harness/ca/memory-acme-client.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { IngressError } from '../errors.ts';
import type { ChallengeValue } from '../records/challenges.ts';
import { createCsr, createKey } from './issuance.ts';
import { download, finalize, pendingAuthorizations, solveChallenges } from './order.ts';
import { problemError, problemOf } from './problem.ts';

const NAME = 'app.example.com';
const MINUTE = 60_000;

interface Options {
  readonly names?: readonly string[];
  readonly signal?: AbortSignal;
  /** Called with the TXT values, before the response. */
  readonly present?: (values: readonly ChallengeValue[]) => Promise<void>;
}

/** All steps of an order, from newOrder to the download. */
function setUp({ names = [NAME], signal = new AbortController().signal, present }: Options = {}) {
  const clock = createFakeClock();
  const client = createMemoryAcmeClient(clock);
  const presented: ChallengeValue[][] = [];
  const obtain = async () => {
    const context = { client, clock, signal };
    const { order } = await client.createOrder({ names }, signal);
    const authorizations = await pendingAuthorizations(order, context);
    const values = authorizations.map(({ value }) => value);
    if (values.length > 0) presented.push(values);
    await present?.(values);
    await solveChallenges(authorizations, context);
    const csr = await createCsr(names, await createKey('ecdsa'));
    return download(await finalize(order, csr, context), context);
  };
  return { clock, client, presented, obtain };
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

test('an order goes through challenge, validation, finalization and download', async () => {
  const { client, presented, obtain } = setUp();
  const chainPem = await obtain();
  assert.deepEqual(client.calls, [
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
  test(`each ${keyType} key is new`, async () => {
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

test('no challenge is responded to before its value is presented', async () => {
  const { client, obtain } = setUp({
    present: async () => {
      assert.ok(!client.calls.some((call) => call.startsWith('respond')));
      throw new IngressError('PROPAGATION_TIMEOUT', 'not propagated');
    },
  });
  await failure(obtain(), 'PROPAGATION_TIMEOUT');
  assert.ok(!client.calls.some((call) => call.startsWith('respond')));
});

test('a wildcard is validated at its base name', async () => {
  const { presented, obtain } = setUp({ names: ['*.example.com'] });
  await obtain();
  assert.deepEqual(
    presented.flat().map(({ name }) => name),
    ['_acme-challenge.example.com'],
  );
});

test('several names are presented together, and every authorization is polled', async () => {
  const { client, presented, obtain } = setUp({ names: ['example.com', '*.example.com'] });
  await obtain();
  assert.equal(presented.length, 1);
  assert.equal(new Set(presented[0]?.map(({ value }) => value)).size, 2);
  assert.equal(client.calls.filter((call) => call.startsWith('pollAuthorization')).length, 2);
});

test('an authorization that is valid already is not validated again', async () => {
  const { client, presented, obtain } = setUp({ names: [NAME, 'www.example.com'] });
  client.authorizationStatus.set('www.example.com', 'valid');
  await obtain();
  assert.deepEqual(
    presented.flat().map(({ name }) => name),
    [`_acme-challenge.${NAME}`],
  );
  assert.deepEqual(
    client.calls.filter((call) => /^(challengeValue|respond|pollAuthorization) (token-)?www/.test(call)),
    [],
  );
});

test('nothing is presented if every authorization is valid already', async () => {
  const { client, presented, obtain } = setUp();
  client.authorizationStatus.set(NAME, 'valid');
  await obtain();
  assert.deepEqual(presented, []);
  assert.deepEqual(client.calls, [
    `createOrder ${NAME}`,
    'getAuthorizations',
    'finalize',
    'downloadCertificate',
  ]);
});

test('an authorization without dns-01 is ACME_BAD_ANSWER', async () => {
  const { client, presented, obtain } = setUp();
  client.challengeTypes = ['http-01', 'tls-alpn-01'];
  const { details } = await failure(obtain(), 'ACME_BAD_ANSWER');
  assert.deepEqual(details, { domain: NAME, status: 'pending', challenges: ['http-01', 'tls-alpn-01'] });
  assert.deepEqual(presented, []);
});

for (const status of ['deactivated', 'expired', 'revoked']) {
  test(`a new order whose authorization is ${status} is ACME_BAD_ANSWER`, async () => {
    const { client, presented, obtain } = setUp();
    client.authorizationStatus.set(NAME, status);
    const { details } = await failure(obtain(), 'ACME_BAD_ANSWER');
    assert.deepEqual([details['domain'], details['status']], [NAME, status]);
    assert.deepEqual(presented, []);
  });
}

const problem = {
  type: 'urn:ietf:params:acme:error:dns',
  detail: 'NXDOMAIN looking up TXT',
  status: 400,
  subproblems: [],
};

test('a failed validation is ACME_ORDER_FAILED with the problem', async () => {
  const { client, obtain } = setUp();
  client.validation = [{ status: 'pending' }, { status: 'invalid', error: problem }];
  const error = await failure(obtain(), 'ACME_ORDER_FAILED');
  assert.deepEqual(error.details['invalid'], [NAME]);
  assert.deepEqual(problemOf(error), problem);
  assert.ok(!client.calls.includes('finalize'));
});

test('a validation that fails without a problem is ACME_ORDER_FAILED as well', async () => {
  const { client, obtain } = setUp();
  client.validation = [{ status: 'invalid' }];
  const error = await failure(obtain(), 'ACME_ORDER_FAILED');
  assert.deepEqual(error.details['invalid'], [NAME]);
  assert.equal(problemOf(error), undefined);
});

test('the error lists every name whose validation failed', async () => {
  const { client, obtain } = setUp({ names: [NAME, 'www.example.com', '*.example.com'] });
  const { pollAuthorization } = client;
  client.pollAuthorization = async (last, signal) => {
    const { now, pauseMs } = await pollAuthorization(last, signal);
    return { now: last.url.endsWith(`/${NAME}`) ? now : { ...now, status: 'invalid' as const }, pauseMs };
  };
  const error = await failure(obtain(), 'ACME_ORDER_FAILED');
  assert.deepEqual(error.details['invalid'], ['www.example.com', '*.example.com']);
});

test('an authorization that failed before a restart is ACME_ORDER_FAILED', async () => {
  const { client, presented, obtain } = setUp();
  client.authorizationStatus.set(NAME, 'invalid');
  await failure(obtain(), 'ACME_ORDER_FAILED');
  assert.deepEqual(presented, []);
});

test('a processing order is polled', async () => {
  const { client, clock, obtain } = setUp();
  client.issuance = [{ status: 'processing' }, { status: 'processing' }, { status: 'valid' }];
  await obtain();
  assert.equal(client.calls.filter((call) => call === 'pollOrder').length, 2);
  assert.deepEqual(clock.waits.slice(-2), [200, 320]);
});

test('an order that becomes invalid is ACME_ORDER_FAILED with the problem, and nothing is downloaded', async () => {
  const { client, obtain } = setUp();
  const caa = { ...problem, type: 'urn:ietf:params:acme:error:caa', detail: 'CAA forbids' };
  client.issuance = [{ status: 'processing' }, { status: 'invalid', error: caa }];
  const error = await failure(obtain(), 'ACME_ORDER_FAILED');
  assert.deepEqual(problemOf(error), caa);
  assert.ok(!client.calls.includes('downloadCertificate'));
});

function refusal(type: string): IngressError {
  return problemError({ ...problem, type: `urn:ietf:params:acme:error:${type}` }, undefined);
}

/**
 * A CA that acts on a request and then refuses it, as it does with the repetition of a request
 * whose response was lost.
 */
function actThenRefuse(
  client: ReturnType<typeof createMemoryAcmeClient>,
  method: 'respond' | 'finalize',
  type: string,
) {
  const act = client[method];
  const refusing = async (...args: never[]) => {
    await Reflect.apply(act, client, args);
    throw refusal(type);
  };
  Object.assign(client, { [method]: refusing });
}

test('a challenge whose response was lost is polled', async () => {
  const { client, obtain } = setUp();
  client.validation = [{ status: 'valid' }];
  actThenRefuse(client, 'respond', 'malformed');
  await obtain();
});

test('a refused challenge response is thrown if the authorization has not moved on', async () => {
  const { client, obtain } = setUp();
  client.validation = [{ status: 'pending' }];
  actThenRefuse(client, 'respond', 'malformed');
  assert.deepEqual(problemOf(await failure(obtain(), 'ACME_PROBLEM')), problemOf(refusal('malformed')));
});

for (const status of ['processing', 'valid']) {
  test(`an order that is ${status} after a lost finalization response is completed`, async () => {
    const { client, obtain } = setUp();
    client.issuance = [{ status }, { status: 'valid' }];
    actThenRefuse(client, 'finalize', 'orderNotReady');
    await obtain();
  });
}

test('an order that is invalid after a lost finalization response fails with the problem', async () => {
  const { client, obtain } = setUp();
  const caa = { ...problem, type: 'urn:ietf:params:acme:error:caa', detail: 'CAA forbids' };
  client.issuance = [{ status: 'invalid', error: caa }];
  actThenRefuse(client, 'finalize', 'orderNotReady');
  assert.deepEqual(problemOf(await failure(obtain(), 'ACME_ORDER_FAILED')), caa);
});

test('orderNotReady is thrown if the order was not finalized', async () => {
  const { client, obtain } = setUp();
  client.issuance = [{ status: 'ready' }];
  client.before = (call) => {
    if (call === 'finalize') throw refusal('orderNotReady');
  };
  assert.deepEqual(problemOf(await failure(obtain(), 'ACME_PROBLEM')), problemOf(refusal('orderNotReady')));
});

for (const [what, body] of [
  ['a page', '<html>'],
  // acme-client returns parsed JSON, whatever its types say.
  ['JSON', { status: 'busy' } as unknown as string],
] as const) {
  test(`${what} instead of the certificate is ACME_BAD_ANSWER`, async () => {
    const { client, obtain } = setUp();
    client.downloadCertificate = async () => body;
    await failure(obtain(), 'ACME_BAD_ANSWER');
  });
}

const slow: [title: string, change: Partial<Record<'validation' | 'issuance', [PollResult]>>][] = [
  ['validation', { validation: [{ status: 'pending' }] }],
  ['issuance', { issuance: [{ status: 'processing' }] }],
];
for (const [title, change] of slow) {
  test(`${title} times out after three minutes, with pauses of at most 10 s`, async () => {
    const { client, clock, obtain } = setUp();
    Object.assign(client, change);
    const start = clock.now().getTime();
    await failure(obtain(), 'ACME_SLOW');
    const waited = clock.now().getTime() - start;
    assert.ok(waited >= 3 * MINUTE && waited <= 3 * MINUTE + 200, `${waited} ms`);
    assert.equal(Math.max(...clock.waits), 10_000);
  });
}

const pauses: [retryAfterMs: number | undefined, expected: number[]][] = [
  [undefined, [200, 320, 512]],
  [0, [200, 320, 512]],
  [400, [200, 400, 512]],
  [3000, [200, 3000, 3000]],
  [3_600_000, [200, 10_000, 10_000]],
];
for (const [pauseMs, expected] of pauses) {
  test(`with a Retry-After of ${pauseMs} ms the pauses are ${expected.join(', ')} ms`, async () => {
    const { client, clock, obtain } = setUp();
    const step: PollResult = { status: 'pending', ...(pauseMs === undefined ? {} : { pauseMs }) };
    client.validation = [step, step, { status: 'valid' }];
    await obtain();
    assert.deepEqual(clock.waits, expected);
  });
}

test('a Retry-After applies to the next pause only', async () => {
  const { client, clock, obtain } = setUp();
  client.validation = [{ status: 'pending', pauseMs: 5000 }, { status: 'pending' }, { status: 'valid' }];
  await obtain();
  assert.deepEqual(clock.waits, [200, 5000, 512]);
});

for (const method of [
  'getAuthorizations',
  'respond',
  'pollAuthorization',
  'finalize',
  'pollOrder',
  'downloadCertificate',
]) {
  test(`a failure of ${method} is thrown unchanged`, async () => {
    const { client, obtain } = setUp();
    client.issuance = [{ status: 'processing' }, { status: 'valid' }];
    const thrown = new IngressError('ACME_UNREACHABLE', 'broken');
    client.before = (call) => {
      if (call.startsWith(method)) throw thrown;
    };
    await assert.rejects(obtain(), thrown);
  });
}

test('an abort ends polling with its reason', async () => {
  const abort = new AbortController();
  const { client, obtain } = setUp({ signal: abort.signal });
  client.validation = [{ status: 'pending' }];
  client.before = (call) => {
    if (call.startsWith('pollAuthorization')) abort.abort(new Error('stopped'));
  };
  await assert.rejects(obtain(), /stopped/);
});
