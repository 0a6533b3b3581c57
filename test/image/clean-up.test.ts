import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { afterTest } from '../harness/after-test.ts';
import type { Engine } from './engine.ts';
import { ownerOf } from './leftovers.ts';
import { openAnyEngine } from './open-engine.ts';
import { mountPointsBelow } from './remove-tree.ts';
import { stageFor } from './support.ts';

const START_MS = 120_000;

test('the owner of a resource, by label or name', () => {
  assert.equal(ownerOf('quirky_name', '12'), 12);
  assert.equal(ownerOf('dstack-ingress-test-34-567-ca-1'), 34);
  assert.equal(ownerOf('dstack-ingress-test-34-567_default', ''), 34);
  for (const name of [
    '',
    'dstack-ingress',
    'dstack-ingress-test-34-x',
    'my-dstack-ingress-test-34-5_default',
  ])
    assert.equal(ownerOf(name), undefined);
  assert.equal(ownerOf('quirky_name', 'evil'), undefined);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} leaves no container of a test behind`, async (t) => {
    const left = await runUntil(t, signal);
    if (left === undefined) return;
    // openAnyEngine does not remove leftovers, which this test has to see.
    const engine = await openAnyEngine();
    assert.ok(typeof engine !== 'string');
    afterTest(t, () => engine[Symbol.asyncDispose]());
    assert.deepEqual(await containersWith(engine, left.id), []);
  });
}

test('the next run removes what a killed test left behind', async (t) => {
  const left = await runUntil(t, 'SIGKILL');
  if (left === undefined) return;
  const { id, pid } = left;
  const stage = await stageFor(t);
  assert.ok(stage);
  assert.deepEqual(await containersWith(stage.engine, id), []);
  assert.ok(!readdirSync(tmpdir()).some((name) => name.includes(`-${pid}-`)));
});

test('finds mount points below a folder, last mounted first', () => {
  const table = [
    'nsfs /tmp/own/exec/netns/a nsfs rw 0 0',
    'overlay /tmp/own/with\\040space overlay rw 0 0',
    'tmpfs /tmp/own-other tmpfs rw 0 0',
    'tmpfs /tmp tmpfs rw 0 0',
    '',
  ].join('\n');
  assert.deepEqual(mountPointsBelow('/tmp/own', table), ['/tmp/own/with space', '/tmp/own/exec/netns/a']);
});

/** Makes a process start a container, ends it with a signal, and returns both ids. */
async function runUntil(t: TestContext, signal: NodeJS.Signals) {
  const stage = await stageFor(t);
  if (!stage) return undefined;
  // Two daemons cannot share a folder.
  await stage.engine[Symbol.asyncDispose]();
  const program = new URL('left-behind.ts', import.meta.url).pathname;
  const options = { reject: false, forceKillAfterDelay: false, timeout: START_MS } as const;
  const child = execa(process.execPath, [program], options);
  let id = '';
  child.stdout.on('data', (data) => {
    id = String(data).trim();
    child.kill(signal);
  });
  const { stderr } = await child;
  assert.match(id, /^[0-9a-f]{64}$/, stderr);
  return { id, pid: child.pid };
}

async function containersWith(engine: Engine, id: string): Promise<string[]> {
  const ids = await engine.run(['ps', '--all', '--quiet', '--no-trunc']);
  return ids.split('\n').filter((line) => line === id);
}
