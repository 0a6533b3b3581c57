import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';
import { startChild } from '../world/child.ts';
import { freePort } from '../world/free-port.ts';
import { ingressBefore } from './ingress.ts';
import { serverProgram } from './programs.ts';
import { documented, succeed } from './run.ts';

/** mosquitto_pub, mosquitto_sub and the broker mosquitto. */

async function startBroker(t: TestContext) {
  const port = await freePort();
  const config = join(temporaryDirectory(t), 'mosquitto.conf');
  await writeFile(config, `listener ${port} 127.0.0.1\nallow_anonymous true\nuser root\n`);
  const program = await serverProgram('mosquitto', 'usr/sbin/mosquitto');
  const broker = await startChild(program, { args: ['-v', '-c', config] });
  afterTest(t, () => broker[Symbol.asyncDispose]());
  await broker.seen(/running/, 10_000);
  return { broker, front: await ingressBefore(t, `mqtt://127.0.0.1:${port}`) };
}

for (const [what, alpn] of [
  ['as documented', ''],
  ['with --tls-alpn mqtt', '--tls-alpn mqtt'],
  ['with a protocol that is not offered', '--tls-alpn x-amzn-mqtt-ca'],
] as const) {
  test(`mosquitto_pub and mosquitto_sub ${what}: a message, exactly once`, async (t) => {
    const { broker, front } = await startBroker(t);
    const publish = `${documented('mosquitto_pub', front)} -q 2 ${alpn}`;
    const subscribe = publish.replace('mosquitto_pub', 'mosquitto_sub').replace('-m hello', '-C 1');
    const heard = succeed(front, subscribe);
    await broker.seen(/Sending SUBACK/, 10_000);
    await succeed(front, publish);
    assert.equal(await heard, 'hello');
  });
}
