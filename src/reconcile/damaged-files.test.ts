import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { denyReading, type FileFault, fileFaults } from '../../test/harness/file-faults.ts';
import {
  APP_ID,
  CHALLENGE,
  DOMAIN,
  GATEWAY,
  reconcileAll,
  type Stage,
  setStage,
} from '../../test/harness/stage.ts';
import { isIngressError } from '../errors.ts';
import { peekingJournal } from '../records/journal.ts';
import { forecast } from './forecast.ts';
import type { ReconcileResult } from './report.ts';

/** A file of one name that cannot be read fails that name only. */

const OTHER = 'other.example.com';
const RECORDS_OF_BOTH = [DOMAIN, OTHER]
  .flatMap((name) => [`${name} CNAME ${GATEWAY}`, `_dstack-app-address.${name} TXT ${APP_ID}:443`])
  .sort();
const never = new AbortController().signal;

const ours: readonly [title: string, file: string][] = [
  ['the open order', `dstack-ingress/orders/ca.example_directory/${DOMAIN}.json`],
  ['the journal', `dstack-ingress/challenges/${DOMAIN}.json`],
];
const unreadable = fileFaults.filter(({ kind }) => kind === 'unreadable');
const directory = fileFaults.filter(({ title }) => title === 'a directory');

for (const [title, file] of ours) {
  for (const fault of fileFaults) {
    test(`${title} is ${fault.title}: the other certificate is issued, and all records are published`, async (t) => {
      const { stage, path, results } = await reconcileWith(t, fault, file);
      const [own] = results;
      if (fault.kind === 'damaged') {
        assert.deepEqual(own.failures, []);
        assert.equal(stage.served.length, 2);
        assert.ok(existsSync(`${path}.damaged`));
        const warnings = stage.lines.filter(({ event }) => event === 'warning').map(({ msg }) => String(msg));
        assert.deepEqual([warnings.length, warnings[0]?.includes(path)], [1, true], warnings.join());
      } else {
        assertNamed(own, path);
        assert.equal(stage.served.length, 1);
        assert.deepEqual(movedAside(path), []);
      }
    });

    test(`a plan where ${title} is ${fault.title} is made for the other certificate, and writes nothing`, async (t) => {
      const stage = await setStage(t, { certificates: [[DOMAIN], [OTHER]] });
      const path = join(stage.root, file);
      fault.plant(t, path);
      const journalOf = (name: string) => peekingJournal(stage.deps.journalOf(name));
      const found = await forecast({ ...stage.deps, journalOf }, stage.certificates, never);
      const { certificates, failures, zones } = found;
      const isLost = fault.kind === 'unreadable';
      assert.deepEqual(
        certificates.map(({ names: [name], decision: { action }, refused }) => [name, action, refused?.code]),
        [
          [DOMAIN, 'order', isLost ? 'STORE_FAILED' : undefined],
          [OTHER, 'order', undefined],
        ],
      );
      assert.deepEqual(zones[0]?.names, [DOMAIN, OTHER]);
      assert.deepEqual(
        failures.map(({ domain, error }) => [domain, error.code, error.details['path']]),
        isLost ? [[DOMAIN, 'STORE_FAILED', path]] : [],
      );
      assert.deepEqual([movedAside(path), stage.lines], [[], []]);
    });
  }
}

for (const part of ['fullchain', 'privkey']) {
  const [live, archived] = [`live/${DOMAIN}/${part}.pem`, `archive/${DOMAIN}/${part}1.pem`] as const;
  for (const fault of [...unreadable, ...directory]) {
    // A link makes the archived file unreadable too.
    const isOfBoth = fault.plant === denyReading;
    if (!isOfBoth)
      test(`${live} is ${fault.title}: the archived version is served, and the link stays as it is`, async (t) => {
        const { stage, path, results } = await reconcileWith(t, fault, live);
        const warnings = stage.lines.filter(({ event }) => event === 'warning').map(({ msg }) => String(msg));
        assert.deepEqual([results[0].failures, stage.served.length, movedAside(path)], [[], 2, []]);
        assert.deepEqual([warnings.length, warnings[0]?.includes(path)], [1, true], warnings.join());
      });

    test(`${archived} is ${fault.title}: the certificate is neither replaced nor moved, and the other one is issued`, async (t) => {
      const { stage, path, results } = await reconcileWith(t, fault, archived);
      // The link in live/ leads there, and is read first.
      assertNamed(results[0], join(stage.root, live));
      assert.deepEqual([stage.served.length, movedAside(path)], [1, []]);
    });
  }
}

test('a challenge of the name whose journal is unreadable stays, and that of the other is removed', async (t) => {
  const [fault] = unreadable;
  assert.ok(fault);
  const { stage, results } = await reconcileWith(
    t,
    fault,
    ours[1]?.[1] ?? '',
    (stage) => {
      for (const name of [CHALLENGE, `_acme-challenge.${OTHER}`])
        stage.provider.plant({ name, type: 'TXT', value: 'left', ttl: 60 });
      const left = { provider: 'memory', zoneId: 'zone-example.com', zoneName: 'example.com', ttl: 60 };
      const entry = { ...left, name: `_acme-challenge.${OTHER}`, value: 'left' };
      return stage.deps.journalOf(OTHER).write([entry]);
    },
    [`${CHALLENGE} TXT left`],
  );
  assert.equal(results[0].failures.length, 1);
  assert.deepEqual(await stage.deps.journalOf(OTHER).entries(), []);
});

/**
 * One run over two certificates, the first of which has a file with a fault; asserts that the
 * second is not affected.
 */
async function reconcileWith(
  t: Parameters<typeof setStage>[0],
  fault: FileFault,
  file: string,
  before: (stage: Stage) => Promise<void> = async () => undefined,
  remaining: readonly string[] = [],
) {
  const stage = await setStage(t, { certificates: [[DOMAIN], [OTHER]] });
  if (!file.startsWith('dstack-ingress')) await stage.store(1);
  const path = join(stage.root, file);
  await before(stage);
  fault.plant(t, path);
  const [own, other] = await reconcileAll(stage);
  assert.ok(own && other);
  assert.deepEqual(other.failures, []);
  assert.ok(stage.served.some(({ facts: { names } }) => names.includes(OTHER)));
  assert.deepEqual(stage.provider.current.toSorted(), [...RECORDS_OF_BOTH, ...remaining].toSorted());
  assert.deepEqual(await stage.deps.journalOf(OTHER).entries(), []);
  return { stage, path, results: [own, other] as const };
}

function assertNamed({ failures }: ReconcileResult, path: string): void {
  assert.equal(failures.length, 1, failures.map(({ step, failure }) => `${step}: ${failure}`).join());
  const [{ failure } = { failure: undefined }] = failures;
  assert.ok(isIngressError(failure, 'STORE_FAILED'));
  assert.equal(failure.details['path'], path, failure.message);
}

function movedAside(path: string): string[] {
  return readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.damaged`));
}
