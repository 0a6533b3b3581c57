import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { txtRecord } from '../../test/doubles/memory-provider.ts';
import {
  APP_ADDRESS,
  APP_ID,
  DOMAIN,
  GATEWAY,
  gatewayNames,
  type Stage,
  setStage,
} from '../../test/doubles/parts.ts';
import { type ErrorCode, IngressError } from '../errors.ts';
import { pass } from './pass.ts';

const CHALLENGE = `_acme-challenge.${DOMAIN}`;
const RECORDS = [`${APP_ADDRESS} TXT ${APP_ID}:443`, `${DOMAIN} CNAME ${GATEWAY}`];
const never = new AbortController().signal;
const run = ({ parts, memory }: Stage, signal = never) => pass(parts, memory, signal);
const orders = ({ authority }: Stage) =>
  authority.calls.filter((call) => call.startsWith('createOrder')).length;
const error = (code: ErrorCode) => new IngressError(code, `${code} for the test`);

/** Replaces parts of what a pass is given. */
function change(stage: Stage, parts: Partial<Stage['parts']>): void {
  stage.parts = { ...stage.parts, ...parts };
}

/** Lets the volume refuse every write. */
function fill(stage: Stage): () => void {
  const { store } = stage.parts;
  change(stage, { store: { ...store, save: () => Promise.reject(error('STORE_FAILED')) } });
  return () => change(stage, { store });
}

test('a first pass publishes, orders, stores and serves, and then leaves no challenge', async (t) => {
  const stage = await setStage(t);
  await run(stage);
  assert.deepEqual(stage.provider.standing, RECORDS);
  assert.equal(stage.served.length, 1);
  assert.deepEqual(stage.served[0]?.facts.names, [DOMAIN]);
  const stored = await stage.parts.store.load(DOMAIN);
  assert.equal(stored?.facts.fingerprint256, stage.served[0]?.facts.fingerprint256);
  assert.deepEqual(await stage.parts.journal.entries(), []);
  assert.equal(stage.memory.unsaved, undefined);
  const events = stage.events();
  const order = [
    'records-published',
    'records-seen',
    'challenge-seen',
    'certificate-issued',
    'serving',
    'challenge-removed',
  ];
  assert.deepEqual(
    events.filter((event) => order.includes(String(event))),
    order,
  );
});

test('a second pass reads the zone once, and does nothing else', async (t) => {
  const stage = await setStage(t);
  await run(stage);
  const before = { calls: stage.provider.calls.length, acme: stage.authority.calls.length };
  const asked = stage.nameServer.asked.length;
  await run(stage);
  assert.deepEqual(stage.provider.calls.slice(before.calls), ['zone', 'records']);
  assert.equal(stage.authority.calls.length, before.acme);
  assert.equal(stage.nameServer.asked.length, asked);
  assert.equal(stage.served.length, 1);
});

test('what is stored is served before anybody outside is asked', async (t) => {
  const stage = await setStage(t);
  const bundle = await stage.store(1);
  stage.provider.before = () => {
    assert.equal(stage.served.length, 1);
    throw error('PROVIDER_UNREACHABLE');
  };
  change(stage, {
    identify: async () => {
      assert.equal(stage.served.length, 1);
      return { appId: APP_ID, source: 'environment', warning: undefined };
    },
  });
  await assert.rejects(run(stage), { code: 'PROVIDER_UNREACHABLE' });
  assert.equal(stage.served[0]?.facts.serial, bundle.facts.serial);
});

test('what cannot be served any more is not handed to the proxy, and is replaced', async (t) => {
  const stage = await setStage(t);
  const expired = await stage.store(91);
  await run(stage);
  assert.equal(stage.served.length, 1);
  assert.notEqual(stage.served[0]?.facts.serial, expired.facts.serial);
});

test('a proxy that does not take the certificate gets it again in the next pass', async (t) => {
  const stage = await setStage(t);
  await stage.store(1);
  const { serve } = stage.parts;
  change(stage, { serve: () => Promise.reject(error('HANDSHAKE_FAILED')) });
  await assert.rejects(run(stage), { code: 'HANDSHAKE_FAILED' });
  change(stage, { serve });
  await run(stage);
  assert.equal(stage.served.length, 1);
});

test('a volume that takes nothing: it is served, not ordered again, and stored later', async (t) => {
  const stage = await setStage(t);
  const empty = fill(stage);
  await assert.rejects(run(stage), { code: 'STORE_FAILED' });
  await assert.rejects(run(stage), { code: 'STORE_FAILED' });
  assert.equal(stage.served.length, 1);
  assert.equal(orders(stage), 1);
  empty();
  await run(stage);
  assert.equal(orders(stage), 1);
  assert.equal(stage.served.length, 1);
  const stored = await stage.parts.store.load(DOMAIN);
  assert.equal(stored?.facts.fingerprint256, stage.served[0]?.facts.fingerprint256);
  assert.equal(stage.memory.unsaved, undefined);
});

test('a full volume does not hold back what was issued for a renewal', async (t) => {
  const stage = await setStage(t);
  const old = await stage.store(80);
  const empty = fill(stage);
  await assert.rejects(run(stage), { code: 'STORE_FAILED' });
  await assert.rejects(run(stage), { code: 'STORE_FAILED' });
  assert.deepEqual(
    stage.served.map(({ facts }) => facts.serial === old.facts.serial),
    [true, false],
  );
  assert.equal(orders(stage), 1);
  empty();
  await run(stage);
  assert.equal(orders(stage), 1);
});

for (const code of ['IDENTITY_UNKNOWN', 'GUEST_AGENT_FAILED'] as const) {
  test(`${code} does not stand in the way of a renewal, and is thrown at the end`, async (t) => {
    const stage = await setStage(t);
    await stage.store(80);
    change(stage, { identify: () => Promise.reject(error(code)) });
    await assert.rejects(run(stage), { code });
    assert.equal(orders(stage), 1);
    assert.equal(stage.served.length, 2);
    assert.deepEqual(stage.provider.standing, []);
  });
}

test('without identity and with nothing to renew, the provider is not asked', async (t) => {
  const stage = await setStage(t);
  await stage.store(1);
  change(stage, { identify: () => Promise.reject(error('IDENTITY_UNKNOWN')) });
  await assert.rejects(run(stage), { code: 'IDENTITY_UNKNOWN' });
  assert.deepEqual(stage.provider.calls, []);
});

const failing: [title: string, code: ErrorCode, break_: (stage: Stage) => void][] = [
  [
    'a provider that is down',
    'PROVIDER_UNAVAILABLE',
    (stage) => fails(stage, 'apply', 'PROVIDER_UNAVAILABLE'),
  ],
  ['a zone that is not there', 'ZONE_NOT_FOUND', ({ provider }) => provider.dropZone('example.com')],
  [
    'records that are not seen',
    'PROPAGATION_TIMEOUT',
    (stage) => {
      stage.shows = () => false;
    },
  ],
];
for (const [title, code, break_] of failing) {
  test(`${title}: the CA is not told to validate a first certificate`, async (t) => {
    const stage = await setStage(t);
    break_(stage);
    await assert.rejects(run(stage), { code });
    assert.ok(!stage.authority.calls.some((call) => call.startsWith('respond')));
    assert.equal(stage.served.length, 0);
    assert.deepEqual(
      await stage.parts.journal.entries().then((left) => left.filter(({ handle }) => handle)),
      [],
    );
  });
}

test('a zone that cannot be read: nothing is ordered', async (t) => {
  const stage = await setStage(t);
  fails(stage, 'records', 'PROVIDER_UNAVAILABLE');
  await assert.rejects(run(stage), { code: 'PROVIDER_UNAVAILABLE' });
  assert.equal(orders(stage), 0);
});

test('records and challenge are one write, and the clean-up another', async (t) => {
  const stage = await setStage(t);
  await run(stage);
  assert.deepEqual(stage.provider.calls, ['zone', 'records', 'apply', 'apply']);
  assert.deepEqual(
    stage.provider.applied.map((changes) => changes.map((change) => change.split(' ')[0])),
    [['create', 'create', 'create'], ['remove']],
  );
});

test('where a write replaces the whole zone, a pass writes once, and the next one removes the challenge', async (t) => {
  const stage = await setStage(t, { provider: { capabilities: { rewritesZone: true } } });
  await run(stage);
  assert.deepEqual(stage.provider.calls, ['zone', 'records', 'apply']);
  assert.equal(stage.served.length, 1);
  assert.ok(stage.events().includes('challenge-stays'));
  await run(stage);
  assert.deepEqual(stage.provider.standing, RECORDS);
  assert.deepEqual(await stage.parts.journal.entries(), []);
  assert.equal(orders(stage), 1);
});

test('a CA that is down does not hold up the records', async (t) => {
  const stage = await setStage(t);
  stage.authority.before = (call) => {
    if (call.startsWith('createOrder')) throw error('ACME_UNREACHABLE');
  };
  await assert.rejects(run(stage), { code: 'ACME_UNREACHABLE' });
  assert.deepEqual(stage.provider.standing, RECORDS);
});

test('records that the provider refuses do not hold up a renewal, and are thrown at the end', async (t) => {
  const stage = await setStage(t);
  const old = await stage.store(80);
  stage.provider.before = (verb, changes) => {
    const refused = changes.some((one) => one.action === 'create' && one.record.type === 'CNAME');
    if (verb === 'apply' && refused) throw error('PROVIDER_REJECTED');
  };
  await assert.rejects(run(stage), { code: 'PROVIDER_REJECTED' });
  assert.equal(orders(stage), 1);
  assert.notEqual(stage.served.at(-1)?.facts.serial, old.facts.serial);
  assert.ok(!stage.lines.some((line) => line['event'] === 'waiting' && line['for'] === 'records'));
  assert.deepEqual(stage.provider.standing, []);
});

test('records that nobody sees do not hold up a renewal either', async (t) => {
  const stage = await setStage(t);
  const old = await stage.store(80);
  stage.shows = (line) => line.startsWith(CHALLENGE);
  await assert.rejects(run(stage), { code: 'PROPAGATION_TIMEOUT' });
  assert.notEqual(stage.served.at(-1)?.facts.serial, old.facts.serial);
  assert.ok(stage.memory.unseen);
});

test('on a first start records that nobody sees keep the CA from being told', async (t) => {
  const stage = await setStage(t);
  stage.shows = (line) => line.startsWith(CHALLENGE);
  await assert.rejects(run(stage), { code: 'PROPAGATION_TIMEOUT' });
  assert.ok(!stage.authority.calls.some((call) => call.startsWith('respond')));
});

test('on a first start a write that fails is not tried again for the challenge alone', async (t) => {
  const stage = await setStage(t);
  fails(stage, 'apply', 'PROVIDER_UNAVAILABLE');
  await assert.rejects(run(stage), { code: 'PROVIDER_UNAVAILABLE' });
  assert.deepEqual(
    stage.provider.applied.map((changes) => changes.map((one) => one.split(' ')[0])),
    // What was tried, and the clean-up of what may have been made.
    [['create', 'create', 'create'], ['remove']],
  );
});

test('a zone that changed in between is planned anew, with the challenge', async (t) => {
  const stage = await setStage(t);
  let conflicts = 0;
  stage.provider.before = (verb) => {
    if (verb !== 'apply' || conflicts > 0) return;
    conflicts += 1;
    stage.provider.plant({ name: DOMAIN, type: 'A', value: '192.0.2.7', ttl: 60 });
    throw error('PROVIDER_CONFLICT');
  };
  await run(stage);
  assert.equal(stage.served.length, 1);
  assert.deepEqual(stage.provider.standing, RECORDS);
});

test('a volume without room for the journal does not hold up the records', async (t) => {
  const stage = await setStage(t);
  const { journal } = stage.parts;
  change(stage, { journal: { ...journal, write: () => Promise.reject(error('STORE_FAILED')) } });
  await assert.rejects(run(stage), { code: 'STORE_FAILED' });
  assert.deepEqual(stage.provider.standing, RECORDS);
});

test('the word of the provider is waited for, after the name servers', async (t) => {
  const stage = await setStage(t);
  const { provider } = stage.parts;
  let settled = 0;
  change(stage, {
    provider: {
      ...provider,
      settled: async () => {
        assert.ok(stage.nameServer.asked.length > 0);
        settled += 1;
      },
    },
  });
  await run(stage);
  assert.ok(settled > 0);
  change(stage, { provider: { ...provider, settled: () => Promise.reject(error('PROVIDER_UNAVAILABLE')) } });
  stage.memory.unseen = true;
  await assert.rejects(run(stage), { code: 'PROVIDER_UNAVAILABLE' });
});

function fails({ provider }: Stage, verb: string, code: ErrorCode): void {
  provider.before = (called) => {
    if (called === verb) throw error(code);
  };
}

for (const [title, age] of [
  ['is due', 80],
  ['is over', 91],
] as const) {
  test(`records that fail do not hold up a renewal that ${title}, and are thrown at the end`, async (t) => {
    const stage = await setStage(t, { goal: { setCaa: true } });
    const old = await stage.store(age);
    stage.authority.before = (call) => {
      if (call === 'accountUrl') throw error('ACME_UNREACHABLE');
    };
    await assert.rejects(run(stage), { code: 'ACME_UNREACHABLE' });
    assert.equal(orders(stage), 1);
    assert.notEqual(stage.served.at(-1)?.facts.serial, old.facts.serial);
  });
}

test('without identity a first certificate is ordered all the same', async (t) => {
  const stage = await setStage(t);
  change(stage, { identify: () => Promise.reject(error('IDENTITY_UNKNOWN')) });
  await assert.rejects(run(stage), { code: 'IDENTITY_UNKNOWN' });
  assert.equal(stage.served.length, 1);
});

test('of several failures the refusal of the CA is thrown, and each is logged', async (t) => {
  const stage = await setStage(t);
  change(stage, { identify: () => Promise.reject(error('IDENTITY_UNKNOWN')) });
  stage.authority.validation = [{ status: 'invalid' }];
  await assert.rejects(run(stage), { code: 'ACME_ORDER_FAILED' });
  assert.deepEqual(
    stage.lines.filter(({ event }) => event === 'step-failed').map(({ step }) => step),
    ['records', 'certificate'],
  );
});

test('without identity too, an alias at the challenge name keeps it from ordering', async (t) => {
  const stage = await setStage(t);
  stage.provider.plant({ name: CHALLENGE, type: 'CNAME', value: 'x.example.org', ttl: 60 });
  change(stage, { identify: () => Promise.reject(error('IDENTITY_UNKNOWN')) });
  await assert.rejects(run(stage));
  assert.equal(orders(stage), 0);
});

test('what an earlier run left in a zone that is gone does not hold up anything', async (t) => {
  const stage = await setStage(t);
  const entry = { provider: 'memory', zoneId: 'zone-example.org', zoneName: 'example.org' };
  await stage.parts.journal.write([{ ...entry, name: '_acme-challenge.example.org', value: 'x', ttl: 60 }]);
  await run(stage);
  assert.equal(stage.served.length, 1);
  assert.deepEqual(stage.provider.standing, RECORDS);
  assert.deepEqual(await stage.parts.journal.entries(), []);
  const warnings = stage.lines.filter(({ event }) => event === 'warning').map(({ msg }) => String(msg));
  assert.match(
    warnings.join(),
    /_acme-challenge\.example\.org is given up: the account has no zone example\.org/,
  );
});

/** Lets every write fail that holds a challenge, or every other. */
function refuse({ provider }: Stage, what: 'challenge' | 'records', code: ErrorCode): void {
  provider.before = (verb, changes) => {
    const hit = changes.some(
      (one) => one.action === 'create' && one.record.name.startsWith('_acme-challenge'),
    );
    const others = changes.some((one) => one.action === 'create' && one.record.type === 'CNAME');
    if (verb === 'apply' && (what === 'challenge' ? hit : others)) throw error(code);
  };
}

test('a first start whose challenge alone is refused has its records all the same', async (t) => {
  const stage = await setStage(t);
  refuse(stage, 'challenge', 'PROVIDER_PERMISSION_MISSING');
  await assert.rejects(run(stage), { code: 'PROVIDER_PERMISSION_MISSING' });
  assert.deepEqual(stage.provider.standing, RECORDS);
});

test('a first start whose records fail makes one order, and the next after they stand', async (t) => {
  const stage = await setStage(t);
  refuse(stage, 'records', 'PROVIDER_UNAVAILABLE');
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await assert.rejects(run(stage), { code: 'PROVIDER_UNAVAILABLE' });
    assert.equal(orders(stage), 1);
  }
  stage.provider.before = () => undefined;
  await run(stage);
  assert.equal(orders(stage), 2);
  assert.equal(stage.served.length, 1);
  assert.equal(stage.memory.recordsFirst, false);
});

test('after a conflict it waits for what was planned anew', async (t) => {
  const stage = await setStage(t, {
    provider: { capabilities: { cnameBesideOthers: false } },
    known: gatewayNames(['192.0.2.1'], []),
  });
  let conflicts = 0;
  stage.provider.before = (verb) => {
    if (verb !== 'apply' || conflicts > 0) return;
    conflicts += 1;
    stage.provider.plant({ name: DOMAIN, type: 'CAA', value: '0 iodef "mailto:a@example.com"', ttl: 60 });
    throw error('PROVIDER_CONFLICT');
  };
  await run(stage);
  assert.ok(stage.provider.standing.includes(`${DOMAIN} A 192.0.2.1`), stage.provider.standing.join());
  assert.equal(stage.served.length, 1);
});

test('what was written without an answer is waited for by the next pass', async (t) => {
  const stage = await setStage(t);
  await stage.store(1);
  stage.shows = () => false;
  fails(stage, 'apply', 'PROVIDER_UNREACHABLE');
  await assert.rejects(run(stage), { code: 'PROVIDER_UNREACHABLE' });
  assert.ok(stage.memory.unseen);
});

test('no order before its time, and one after it', async (t) => {
  const stage = await setStage(t);
  const now = stage.clock.now().getTime();
  stage.memory.orderNotBefore = new Date(now + 1);
  await run(stage);
  assert.equal(orders(stage), 0);
  assert.ok(stage.events().includes('order-held-back'));
  assert.deepEqual(stage.provider.standing, RECORDS, 'the records do not wait');
  stage.clock.set(new Date(now + 1));
  await run(stage);
  assert.equal(orders(stage), 1);
});

test('an alias at the challenge name is an error before anything is ordered', async (t) => {
  const stage = await setStage(t);
  stage.provider.plant({ name: CHALLENGE, type: 'CNAME', value: 'x.example.org', ttl: 60 });
  await assert.rejects(run(stage), (thrown) => {
    assert.ok(thrown instanceof IngressError);
    assert.equal(thrown.code, 'CHALLENGE_NAME_IS_ALIAS');
    assert.match(thrown.message, /_acme-challenge\.app\.example\.com is an alias of x\.example\.org/);
    return true;
  });
  assert.equal(orders(stage), 0);
});

const refusedCertificates: [title: string, wish: Stage['authority']['wish'], why: RegExp][] = [
  ['for another name', { names: ['www.example.com'] }, /it is for www\.example\.com/],
  ['that has expired', { notAfter: new Date('2026-11-23T23:59:59Z') }, /it expired/],
  [
    'that would have to be renewed at once',
    { notBefore: new Date('2026-09-20T00:00:00Z') },
    /renewed at once/,
  ],
];
for (const [title, wish, why] of refusedCertificates) {
  test(`a new certificate ${title} replaces nothing`, async (t) => {
    const stage = await setStage(t);
    const old = await stage.store(80);
    stage.authority.wish = wish;
    await assert.rejects(run(stage), (thrown) => {
      assert.ok(thrown instanceof IngressError);
      assert.equal(thrown.code, 'CERTIFICATE_UNUSABLE');
      assert.match(thrown.message, why);
      return true;
    });
    assert.equal((await stage.parts.store.load(DOMAIN))?.facts.serial, old.facts.serial);
    assert.equal(stage.served.length, 1);
  });
}

/** Puts a challenge of an earlier run into zone and journal. */
async function leaveChallenge({ parts, provider }: Stage): Promise<void> {
  provider.plant(txtRecord(CHALLENGE, 'left'));
  const entry = { provider: 'memory', zoneId: 'zone-example.com', zoneName: 'example.com' };
  await parts.journal.write([{ ...entry, name: CHALLENGE, value: 'left', ttl: 60 }]);
}

test('what an earlier run left is removed, and what a stranger put there stays', async (t) => {
  const stage = await setStage(t);
  await stage.store(1);
  await leaveChallenge(stage);
  stage.provider.plant(txtRecord(CHALLENGE, 'stranger'));
  await run(stage);
  assert.deepEqual(stage.provider.standing, [`${CHALLENGE} TXT stranger`, ...RECORDS]);
  assert.ok(stage.events().includes('challenge-swept'));
  assert.deepEqual(await stage.parts.journal.entries(), []);
});

test('a pass that sweeps nothing says nothing of it', async (t) => {
  const stage = await setStage(t);
  await run(stage);
  assert.ok(!stage.events().includes('challenge-swept'));
});

test('a challenge that cannot be removed does not lose the certificate, and is swept by the next pass', async (t) => {
  const stage = await setStage(t);
  stage.provider.before = (verb, changes) => {
    if (verb === 'apply' && changes.some(({ action }) => action === 'remove'))
      throw error('PROVIDER_UNAVAILABLE');
  };
  await run(stage);
  assert.equal(stage.served.length, 1);
  assert.ok(stage.events().includes('challenge-left'));
  stage.provider.before = () => undefined;
  await run(stage);
  assert.deepEqual(stage.provider.standing, RECORDS);
  assert.equal(orders(stage), 1);
});

test('after an abort in the middle of an order the challenge is removed all the same', async (t) => {
  const stage = await setStage(t);
  const abort = new AbortController();
  stage.authority.before = (call) => {
    if (call.startsWith('pollAuthorization')) abort.abort(new Error('stopped'));
  };
  stage.authority.validation = [{ status: 'pending' }];
  await assert.rejects(run(stage, abort.signal), /stopped/);
  assert.deepEqual(stage.provider.standing, RECORDS);
  assert.deepEqual(await stage.parts.journal.entries(), []);
});

test('a removal that hangs is given up after fifteen seconds, and after four when all is stopped', async (t: TestContext) => {
  const stage = await setStage(t);
  const limits: number[] = [];
  t.mock.method(AbortSignal, 'timeout', (ms: number) => {
    limits.push(ms);
    return AbortSignal.abort(new Error('too long'));
  });
  await run(stage);
  assert.deepEqual(limits, [15_000]);
  assert.ok(stage.events().includes('challenge-left'));
  assert.equal(stage.served.length, 1);
  const stopping = await setStage(t);
  const abort = new AbortController();
  stopping.authority.before = (call) => {
    if (call.startsWith('respond')) abort.abort(new Error('stopped'));
  };
  await assert.rejects(run(stopping, abort.signal), /stopped/);
  assert.deepEqual(limits, [15_000, 4000]);
});

test('an order that fails leaves no challenge, and its reason is thrown', async (t) => {
  const stage = await setStage(t);
  stage.authority.validation = [{ status: 'invalid', error: { detail: 'no TXT record found' } }];
  await assert.rejects(run(stage), { code: 'ACME_ORDER_FAILED' });
  assert.deepEqual(stage.provider.standing, RECORDS);
  assert.ok(stage.events().includes('challenge-removed'));
});

test('the CA is told only after every name server serves the challenge', async (t) => {
  const stage = await setStage(t);
  let hidden = 3;
  stage.shows = (line) => {
    if (!line.startsWith(CHALLENGE)) return true;
    hidden -= 1;
    return hidden < 0;
  };
  stage.authority.before = (call) => {
    if (call.startsWith('respond')) assert.ok(hidden < 0);
  };
  await run(stage);
  assert.equal(stage.served.length, 1);
  assert.ok(hidden < 0);
});

test('an abort ends a pass before it orders', async (t) => {
  const stage = await setStage(t);
  const abort = new AbortController();
  change(stage, {
    identify: async () => {
      abort.abort(new Error('stopped'));
      throw error('IDENTITY_UNKNOWN');
    },
  });
  await assert.rejects(run(stage, abort.signal), /stopped/);
  assert.equal(orders(stage), 0);
});

test('files that fit nobody are told of, and replaced', async (t) => {
  const stage = await setStage(t);
  const { store } = stage.parts;
  let loads = 0;
  const load = async () => {
    loads += 1;
    throw error('CERTIFICATE_UNUSABLE');
  };
  change(stage, { store: { ...store, load } });
  await run(stage);
  assert.ok(stage.events().includes('certificate-unusable'));
  assert.deepEqual([loads, orders(stage), stage.served.length], [1, 1, 1]);
});

test('a volume that cannot be read orders nothing', async (t) => {
  const stage = await setStage(t);
  const load = () => Promise.reject(error('STORE_FAILED'));
  change(stage, { store: { ...stage.parts.store, load } });
  await assert.rejects(run(stage), { code: 'STORE_FAILED' });
  assert.equal(orders(stage), 0);
});

test('a wildcard is found by its base and proven there', async (t) => {
  const stage = await setStage(t, { goal: { domain: '*.example.com' } });
  await run(stage);
  assert.deepEqual(stage.served[0]?.facts.names, ['*.example.com']);
  assert.deepEqual(stage.provider.standing, [
    `*.example.com CNAME ${GATEWAY}`,
    `_dstack-app-address-wildcard.example.com TXT ${APP_ID}:443`,
  ]);
});
