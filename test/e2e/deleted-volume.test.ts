import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { ownMounts, whyNoOwnMounts } from '../world/faults/own-mounts.ts';
import { BUNDLE, environmentFor, type Ingress, startIngress } from '../world/ingress.ts';
import { errorIn, handshake, worldFor } from './support.ts';

/** `docker stop` kills the container after ten seconds. */
const PROMPT_SECONDS = 5;

const skip = (await whyNoOwnMounts()) ?? false;

test('the volume’s source is deleted: the log says so, the certificate stays in service, and SIGTERM ends the program', {
  skip,
}, async (t) => {
  const { ingress, volume, source } = await start(t, () => []);
  await ingress.seen('pass-finished');
  await rm(source, { recursive: true, maxRetries: 5 });
  ingress.signal('SIGHUP');
  const { details } = errorIn(await ingress.seen('volume-not-writable'));
  assert.deepEqual(details, { path: volume, fault: 'deleted' });
  const { socket } = await handshake(ingress.environment, ingress.environment['DOMAIN'] ?? '');
  socket.destroy();
  await endsPromptly(ingress);
});

test('it is deleted before the start reads it: the error names the directory that cannot be created, and SIGTERM ends the program', {
  skip,
}, async (t) => {
  const { ingress, volume } = await start(t, (source) => ['sh', '-c', 'rm -r "$0" && exec "$@"', source]);
  const { message, details } = errorIn(
    await ingress.seen('pass-failed', { fits: (line) => errorIn(line).code === 'STORE_FAILED' }),
  );
  // The words of Node.js.
  assert.ok(message.includes(`ENOENT: no such file or directory, mkdir '${volume}`), message);
  assert.deepEqual(details, { path: volume, fault: 'deleted' });
  await endsPromptly(ingress);
});

async function endsPromptly(ingress: Ingress): Promise<void> {
  const { exitCode, seconds } = await ingress.end('SIGTERM');
  assert.equal(exitCode, 0);
  assert.ok(seconds < PROMPT_SECONDS, `it ended after ${seconds} s`);
}

/**
 * An ingress on an empty volume that is a bind mount, like Docker's; `before` precedes its command.
 */
async function start(t: TestContext, before: (source: string) => readonly string[]) {
  const world = await worldFor(t);
  const [source, volume] = [join(world.directory, 'source'), join(world.directory, 'volume')];
  for (const folder of [source, volume]) await mkdir(folder);
  const environment = await environmentFor(world, { LETSENCRYPT_DIR: volume });
  const mounted = ownMounts([{ source, target: volume }]);
  const ingress = startIngress(environment, [...mounted, ...before(source), process.execPath, BUNDLE]);
  afterTest(t, () => ingress[Symbol.asyncDispose]());
  return { ingress, volume, source };
}
