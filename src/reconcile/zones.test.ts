import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delegation, rr } from '../../test/harness/dns/resolver.ts';
import {
  APP_ADDRESS,
  change,
  DOMAIN,
  orders,
  reconcileAll,
  reconcileOne,
  type Stage,
  type StageOptions,
  setStage,
} from '../../test/harness/stage.ts';
import type { Query, Reply } from '../dns/query.ts';
import { decidingFailure, type ReconcileResult } from './report.ts';

/**
 * Makes the name server give this answer for the SOA record of every challenge name with the label.
 */
function answers(stage: Stage, label: string, reply: Partial<Reply>): void {
  const { query } = stage.deps;
  const answer: Query = async (server, question, options) =>
    question.type === 'SOA' && question.name.startsWith(`_acme-challenge.${label}`)
      ? { rcode: 'NOERROR', answers: [], authorities: [], ...reply }
      : query(server, question, options);
  change(stage, { query: answer });
}

const failureOf = (result: ReconcileResult) => decidingFailure(result)?.failure;
const cut = { authorities: [rr(DOMAIN, 'NS', 'ns.child.example')] };
/** The account has a zone that the resolvers do not know. */
const orphan: StageOptions = {
  provider: { zones: ['example.com', DOMAIN], capabilities: { flattensApexCname: true } },
  known: { [`${DOMAIN} SOA`]: { authorities: [rr('example.com', 'SOA', '')] } },
};
const two: StageOptions = { certificates: [[DOMAIN], ['www.example.com']] };

test('a name that is delegated to another zone fails before a write, and another name of the zone does not', async (t) => {
  const stage = await setStage(t, two);
  answers(stage, 'app.', cut);
  const [one, other] = await reconcileAll(stage);
  assert.ok(one && other);
  assert.equal(Object(failureOf(one)).code, 'ZONE_NOT_PUBLIC');
  assert.equal(failureOf(other), undefined);
  assert.ok(stage.provider.current.every((line) => line.includes('www.example.com')));
  assert.equal(orders(stage), 1);
  answers(stage, 'app.', { authorities: [rr('example.com', 'SOA', '')] });
  await reconcileOne(stage);
  assert.ok(stage.provider.current.some((line) => line.startsWith(APP_ADDRESS)));
});

test('a name in a zone of the account that is not delegated fails before a write', async (t) => {
  const stage = await setStage(t, orphan);
  answers(stage, 'app.', { rcode: 'NXDOMAIN', authorities: [rr('example.com', 'SOA', '')] });
  await assert.rejects(reconcileOne(stage), { code: 'ZONE_NOT_PUBLIC' });
  assert.deepEqual([stage.provider.applied, orders(stage)], [[], 0]);
});

test('where only resolvers say that a zone is not delegated, that is a warning', async (t) => {
  const stage = await setStage(t, orphan);
  answers(stage, 'app.', { rcode: 'SERVFAIL' });
  await reconcileOne(stage);
  const subjects = stage.emitted.flatMap((event) => (event.type === 'warning' ? [event.subject] : []));
  assert.deepEqual(subjects, [`zone of ${DOMAIN}`]);
});

test('a delegation that was right is looked up again only when a certificate is due', async (t) => {
  const stage = await setStage(t);
  let queries = 0;
  const { query } = stage.deps;
  change(stage, {
    query: async (server, question, options) => {
      if (question.type !== 'SOA') return query(server, question, options);
      queries += 1;
      return { rcode: 'NXDOMAIN', answers: [], authorities: [rr('example.com', 'SOA', '')] };
    },
  });
  await reconcileOne(stage);
  await reconcileOne(stage);
  assert.equal(queries, 1);
  await stage.store(89);
  await reconcileOne(stage);
  assert.equal(queries, 2);
});

test('no resolver is queried for a name that is not published yet', async (t) => {
  const stage = await setStage(t, { known: delegation('example.com', { 'ns1.example.net': ['192.0.2.1'] }) });
  change(stage, { query: () => Promise.reject(new Error('silent')) });
  await assert.rejects(reconcileOne(stage));
  assert.ok(
    stage.resolver.queries.every((question) => !/^(_\S+\.)?app\.example\.com (SOA|NS)/.test(question)),
  );
});
