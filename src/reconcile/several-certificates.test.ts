import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import {
  change,
  DOMAIN,
  failure,
  orders,
  reconcileAll,
  restart,
  type Stage,
  secondCa,
  setStage,
} from '../../test/harness/stage.ts';
import type { CertificateNames } from '../certificates/certificate.ts';

const WWW = 'www.example.com';
const WILDCARD = `*.${DOMAIN}`;
const outcomes = async (stage: Stage) =>
  (await reconcileAll(stage)).map(({ failures }) => failures.map(({ failure }) => Object(failure).code));

test('several certificates of one zone need one read, one write of all records and challenges, and one removal', async (t) => {
  const stage = await setStage(t, { certificates: [[DOMAIN], [WWW], [WILDCARD]] });
  assert.deepEqual(await outcomes(stage), [[], [], []]);
  assert.deepEqual(stage.provider.calls, ['zone', 'zone', 'zone', 'records', 'apply', 'apply']);
  assert.equal(orders(stage), 3);
  assert.equal(stage.served.length, 3);
});

test('a name and its wildcard have their challenges published together', async (t) => {
  const stage = await setStage(t, { certificates: [[DOMAIN], [WILDCARD]] });
  let most = 0;
  stage.client.before = (call) => {
    if (!call.startsWith('respond')) return;
    most = stage.provider.current.filter((line) => line.startsWith(`_acme-challenge.${DOMAIN} TXT`)).length;
  };
  assert.deepEqual(await outcomes(stage), [[], []]);
  assert.equal(most, 2);
});

test('an order waits while resolvers may cache an earlier challenge at the same owner name', async (t) => {
  const stage = await setStage(t, { certificates: [[DOMAIN], [WILDCARD]] });
  const [plain, wildcard] = stage.certificates;
  assert.ok(wildcard);
  await reconcileAll({ ...stage, certificates: [plain] });
  assert.equal(orders(stage), 1);
  restart(stage);
  const [result] = await reconcileAll({ ...stage, certificates: [wildcard] });
  assert.ok(result?.deferral);
  assert.equal(orders(stage), 1);
  stage.clock.set(result.deferral.until);
  assert.deepEqual((await reconcileAll({ ...stage, certificates: [wildcard] }))[0]?.failures, []);
  assert.equal(orders(stage), 2);
});

test('a certificate is served before another is loaded', async (t) => {
  const stage = await setStage(t, { certificates: [[DOMAIN], [WWW]] });
  await stage.store(1);
  await stage.store(1, [WWW]);
  const { serve, store } = stage.deps;
  const served = new EventEmitter();
  change(stage, {
    serve: async (name, bundle) => {
      await serve(name, bundle);
      served.emit(name);
    },
    store: {
      ...store,
      load: async (names) => {
        if (names.includes(WWW)) await once(served, DOMAIN, { signal: AbortSignal.timeout(5000) });
        return store.load(names);
      },
    },
  });
  assert.deepEqual(await outcomes(stage), [[], []]);
  assert.equal(stage.served.length, 2);
});

test('names that share a certificate need one order, and each name is served', async (t) => {
  const stage = await setStage(t, { certificates: [[DOMAIN, WILDCARD, WWW]] });
  const names: string[] = [];
  change(stage, { serve: async (name) => void names.push(name) });
  assert.deepEqual(await outcomes(stage), [[]]);
  assert.deepEqual(names, [DOMAIN, WILDCARD, WWW]);
  assert.equal(orders(stage), 1);
});

test('a rejected record fails only its own certificate', async (t) => {
  const stage = await setStage(t, { certificates: [[DOMAIN], [WWW]] });
  stage.provider.before = (verb, changes) => {
    const bad = changes.some((one) => one.action === 'create' && one.record.name === WWW);
    if (verb === 'apply' && bad) throw failure('PROVIDER_REJECTED');
  };
  assert.deepEqual(await outcomes(stage), [[], ['PROVIDER_REJECTED']]);
  assert.deepEqual(
    stage.served.map(({ facts }) => facts.names),
    [[DOMAIN]],
  );
});

test('a name without a zone fails only its own certificate', async (t) => {
  const stage = await setStage(t, { certificates: [['app.example.org'], [DOMAIN]] });
  assert.deepEqual(await outcomes(stage), [['ZONE_NOT_FOUND'], []]);
  assert.equal(stage.served.length, 1);
});

test('a failed validation fails only its own certificate', async (t) => {
  const stage = await setStage(t, { certificates: [[DOMAIN], [WWW]] });
  const { pollAuthorization } = stage.client;
  stage.client.pollAuthorization = async (last, signal) => {
    const { now, pauseMs } = await pollAuthorization(last, signal);
    return { now: last.url.endsWith(`/${WWW}`) ? { ...now, status: 'invalid' as const } : now, pauseMs };
  };
  assert.deepEqual(await outcomes(stage), [[], ['ACME_ORDER_FAILED']]);
  assert.deepEqual(
    stage.served.map(({ facts }) => facts.names),
    [[DOMAIN]],
  );
});

test('while a certificate with an added name is ordered, each name is served with its stored one', async (t) => {
  const stage = await setStage(t, { certificates: [[DOMAIN, WWW]] });
  await stage.store(1, [DOMAIN]);
  await stage.store(1, [WWW]);
  const served: string[] = [];
  change(stage, { serve: async (name, { facts }) => void served.push(`${name}: ${facts.names.join()}`) });
  assert.deepEqual(await outcomes(stage), [[]]);
  assert.deepEqual(served, [
    `${DOMAIN}: ${DOMAIN}`,
    `${WWW}: ${WWW}`,
    `${DOMAIN}: ${DOMAIN},${WWW}`,
    `${WWW}: ${DOMAIN},${WWW}`,
  ]);
  assert.equal(orders(stage), 1);
});

test('a certificate with a name that is no longer served is kept', async (t) => {
  const stage = await setStage(t, { certificates: [[DOMAIN]] });
  await stage.store(1, [DOMAIN, WWW]);
  assert.deepEqual(await outcomes(stage), [[]]);
  assert.equal(orders(stage), 0);
  assert.deepEqual(stage.served[0]?.facts.names, [DOMAIN, WWW]);
});

test('a challenge that was removed stays removed while the records of another name propagate', async (t) => {
  const stage = await setStage(t, {
    certificates: [[DOMAIN], [WWW]],
    spec: { propagationTimeoutMs: 60_000 },
  });
  await stage.store(80);
  await stage.store(1, [WWW]);
  const start = stage.clock.now().getTime();
  stage.shows = (line) => !line.includes(WWW) || stage.clock.now().getTime() >= start + 12_000;
  assert.deepEqual(await outcomes(stage), [[], []]);
  assert.equal(orders(stage), 1);
  assert.ok(!stage.provider.current.some((line) => line.startsWith('_acme-challenge')));
  assert.ok(!stage.events().includes('challenge-vanished'));
  assert.deepEqual(await stage.journal.entries(), []);
});

test('an unreadable ledger of the fallback CA stops no order at the primary one', async (t) => {
  const stage = await setStage(t);
  const { authority } = secondCa(stage);
  const history = () => Promise.reject(failure('STORE_FAILED'));
  const unreadable = { ...authority, ledger: { ...authority.ledger, history, peek: history } };
  const { authorities } = stage.deps;
  change(stage, { authorities: { ...authorities, fallback: { authority: unreadable, afterMs: 1000 } } });
  assert.deepEqual(await outcomes(stage), [[]]);
  assert.equal(orders(stage), 1);
});

test('more orders than slots: groups take their turn, the most urgent first, and the progress counts all', async (t) => {
  const names = Array.from({ length: 25 }, (_, index): CertificateNames => [`n${index}.example.com`]);
  const [first, ...others] = names;
  assert.ok(first);
  const stage = await setStage(t, { certificates: [first, ...others] });
  assert.deepEqual((await outcomes(stage)).flat(), []);
  const progress = stage.emitted.filter((event) => event.type === 'progress');
  assert.deepEqual(
    progress.map(({ done, due }) => [done, due]),
    [
      [20, 25],
      [25, 25],
    ],
  );
});
