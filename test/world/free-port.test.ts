import assert from 'node:assert/strict';
import { once } from 'node:events';
import process from 'node:process';
import { test } from 'node:test';
import { execa } from 'execa';
import { freePort } from './free-port.ts';

const MODULE = new URL('free-port.ts', import.meta.url).href;

/** Ports that a process of its own gets; it keeps running until its input ends. */
function otherProcess(count: number) {
  const script = `
    import { freePort } from '${MODULE}';
    const ports = [];
    for (let index = 0; index < ${count}; index += 1) ports.push(await freePort());
    process.stdout.write(JSON.stringify(ports));
    process.stdin.resume();
  `;
  return execa(process.execPath, ['--input-type=module', '-e', script], { timeout: 30_000 });
}

test('processes that run at the same time never get the same port, nor does one process twice', async () => {
  const children = Array.from({ length: 4 }, () => otherProcess(100));
  // Each has all of its ports before the first one ends.
  const texts = await Promise.all(
    children.map(async ({ stdout }) => String((await once(stdout, 'data'))[0])),
  );
  for (const { stdin } of children) stdin.end();
  await Promise.all(children);
  const all = texts.flatMap((text): number[] => JSON.parse(text));
  assert.equal(all.length, 400);
  assert.equal(new Set(all).size, all.length);
});

test('ports that are requested concurrently differ', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, freePort));
  assert.equal(new Set(ports).size, ports.length);
});
