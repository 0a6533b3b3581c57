import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { execa } from 'execa';

const MODULE = new URL('process-end.ts', import.meta.url).href;
const PROGRAM = `
  import { atProcessEnd } from '${MODULE}';
  const say = (word) => process.stdout.write(word + '\\n');
  atProcessEnd(() => say('daemon'));
  const forget = atProcessEnd(() => say('forgotten'));
  atProcessEnd(() => { throw new Error('no'); });
  atProcessEnd(() => say('project'));
  forget();
  say('ready');
  setInterval(() => undefined, 1000);
`;

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const) {
  test(`on ${signal}, actions run last registered first, and a failing one does not stop the others`, async () => {
    const child = execa(process.execPath, ['--input-type=module', '--eval', PROGRAM], { reject: false });
    child.stdout.once('data', () => child.kill(signal));
    const { exitCode, stdout, stderr } = await child;
    assert.equal(exitCode, code);
    assert.equal(stdout, 'ready\nproject\ndaemon');
    assert.match(stderr, /^not cleaned up: Error: no$/m);
  });
}
