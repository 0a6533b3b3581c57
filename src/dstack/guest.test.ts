import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../../test/harness/after-test.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import { type GuestAgentOptions, startGuestAgent } from '../../test/world/dstack/guest-agent.ts';
import { openServer } from '../../test/world/open-server.ts';
import { IngressError } from '../errors.ts';
import { findGuestAgent, type GuestAgent, missingSocket } from './agent.ts';
import { identify, identityFault } from './identity.ts';
import type { MissingSocket } from './missing-socket.ts';

const APP_ID = 'ab'.repeat(20);
const OTHER_ID = 'cd'.repeat(20);
const never = new AbortController().signal;

async function world(t: TestContext, options: Partial<GuestAgentOptions> = {}) {
  const agent = await startGuestAgent({ directory: temporaryDirectory(t), appId: APP_ID, ...options });
  afterTest(t, () => agent.stop());
  return agent;
}

function found(path: string): GuestAgent {
  const agent = findGuestAgent(path);
  assert.ok(agent);
  return agent;
}

async function refusal(asking: Promise<string>): Promise<IngressError> {
  const thrown: unknown = await asking.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(thrown instanceof IngressError, String(thrown));
  assert.equal(thrown.code, 'GUEST_AGENT_FAILED');
  return thrown;
}

test('the app id is requested on dstack.sock', async (t) => {
  const agent = await world(t);
  assert.equal(await found(agent.socket).appId(never), APP_ID);
  assert.deepEqual(
    agent.calls.map(({ path }) => path),
    ['/Info'],
  );
});

test('the app id is requested on the older tappd.sock with its own path', async (t) => {
  const agent = await world(t);
  assert.equal(await found(agent.tappdSocket).appId(never), APP_ID);
  assert.equal(agent.calls.at(-1)?.path, '/prpc/Tappd.Info');
});

test('an app id is returned in lower case', async (t) => {
  const agent = await world(t, { appId: APP_ID.toUpperCase() });
  assert.equal(await found(agent.socket).appId(never), APP_ID);
});

for (const appId of ['', 'xyz', 'ab'.repeat(19), 'ab'.repeat(21), `${APP_ID}\n`]) {
  test(`an app id of ${JSON.stringify(appId)} is GUEST_AGENT_FAILED`, async (t) => {
    const agent = await world(t, { appId });
    const { details } = await refusal(found(agent.socket).appId(never));
    assert.deepEqual(details, { endpoint: agent.socket, fault: 'no-app-id' });
  });
}

test('a failing agent is an error that names its socket', async (t) => {
  const agent = await world(t);
  agent.failing.add('/Info');
  const { details } = await refusal(found(agent.socket).appId(never));
  assert.deepEqual(details, { endpoint: agent.socket, fault: 'failed' });
});

test('an agent that has stopped is an error', async (t) => {
  const agent = await world(t);
  const ours = found(agent.socket);
  await agent.stop();
  assert.ok((await refusal(ours.appId(never))).cause);
});

const noSockets: [title: string, make: (path: string) => void][] = [
  ['nothing', () => undefined],
  ['a directory, as Docker makes it', (path) => mkdirSync(path)],
  ['a file', (path) => writeFileSync(path, '')],
];
for (const [title, make] of noSockets) {
  test(`${title} in place of the socket is not an agent`, (t) => {
    const path = join(temporaryDirectory(t), 'dstack.sock');
    make(path);
    assert.equal(findGuestAgent(path), undefined);
  });
}

test('a path below a file, or one that is too long, is not an agent', (t) => {
  const file = join(temporaryDirectory(t), 'file');
  writeFileSync(file, '');
  assert.equal(findGuestAgent(join(file, 'dstack.sock')), undefined);
  assert.equal(findGuestAgent(`/${'x'.repeat(5000)}`), undefined);
});

test('a URL is used unchanged', () => {
  assert.equal(findGuestAgent('http://127.0.0.1:8090')?.endpoint, 'http://127.0.0.1:8090');
});

/** A socket that accepts connections and never responds. */
async function silentAgent(t: TestContext): Promise<{ agent: GuestAgent; requested: Promise<void> }> {
  const path = join(temporaryDirectory(t), 'dstack.sock');
  const requested = Promise.withResolvers<void>();
  const server = createServer((connection) => {
    connection.once('data', () => requested.resolve());
  });
  const open = await openServer(server, { path });
  afterTest(t, () => open[Symbol.asyncDispose]());
  return { agent: found(path), requested: requested.promise };
}

test('a silent agent times out after five seconds', async (t) => {
  const { agent, requested } = await silentAgent(t);
  const limits: number[] = [];
  const limit = new AbortController();
  t.mock.method(AbortSignal, 'timeout', (ms: number) => {
    limits.push(ms);
    return limit.signal;
  });
  const asking = agent.appId(never);
  await requested;
  limit.abort(new Error('the time is over'));
  const { details } = await refusal(asking);
  assert.deepEqual(details, { endpoint: agent.endpoint, fault: 'no-answer' });
  assert.deepEqual(limits, [5000]);
});

test('an abort while the agent is silent rejects with its reason', async (t) => {
  const { agent, requested } = await silentAgent(t);
  const abort = new AbortController();
  const asking = agent.appId(abort.signal);
  await requested;
  abort.abort(new Error('stopped'));
  await assert.rejects(asking, /stopped/);
});

test('after an abort the agent is not waited for', async (t) => {
  const { agent } = await silentAgent(t);
  const asking = agent.appId(AbortSignal.abort(new Error('stopped')));
  const late = new Promise((resolve) => setTimeout(resolve, 1000, 'it waits').unref());
  const outcome = await Promise.race([late, asking.catch((thrown: unknown) => String(thrown))]);
  assert.equal(outcome, 'Error: stopped');
});

const saying = (appId: string): GuestAgent => ({ endpoint: '/x', appId: async () => appId });
const failing: GuestAgent = {
  endpoint: '/x',
  appId: () => Promise.reject(new IngressError('GUEST_AGENT_FAILED', 'the agent fails')),
};

test('the agent takes precedence over APP_ID, with a warning if they differ', async () => {
  assert.deepEqual(await identify(saying(APP_ID), undefined, never), {
    ...{ appId: APP_ID, source: 'guest agent', warning: undefined },
  });
  assert.equal((await identify(saying(APP_ID), APP_ID, never)).warning, undefined);
  const identity = await identify(saying(APP_ID), OTHER_ID, never);
  assert.deepEqual(
    [identity.appId, identity.source, identity.warning?.kind],
    [APP_ID, 'guest agent', 'differs'],
  );
});

test('APP_ID replaces an agent that is missing or fails', async () => {
  assert.deepEqual(await identify(undefined, OTHER_ID, never), {
    ...{ appId: OTHER_ID, source: 'environment', warning: undefined },
  });
  const identity = await identify(failing, OTHER_ID, never);
  assert.deepEqual(
    [identity.appId, identity.source, identity.warning?.kind],
    [OTHER_ID, 'environment', 'agent-failed'],
  );
});

test('without agent and APP_ID the error is IDENTITY_UNKNOWN; with a failing agent only, GUEST_AGENT_FAILED', async () => {
  await assert.rejects(identify(undefined, undefined, never), { code: 'IDENTITY_UNKNOWN' });
  await assert.rejects(identify(failing, undefined, never), { code: 'GUEST_AGENT_FAILED' });
});

test('an abort is not a failure of the agent, so APP_ID does not replace it', async () => {
  const aborted = AbortSignal.abort(new Error('stopped'));
  await assert.rejects(identify(failing, OTHER_ID, aborted), /stopped/);
});

const missing: [title: string, make: (path: string) => void, holds: MissingSocket['holds']][] = [
  ['nothing', () => undefined, 'nothing'],
  ['a directory, as Docker makes it', (path) => mkdirSync(path), 'a directory'],
  ['a file', (path) => writeFileSync(path, ''), 'something else'],
];
for (const [title, make, holds] of missing) {
  test(`if DSTACK_SIMULATOR_ENDPOINT names ${title}, fault, error and warning have the path and what it holds`, async (t) => {
    const path = join(temporaryDirectory(t), 'dstack.sock');
    make(path);
    const found = missingSocket(path);
    assert.deepEqual(found, { path, holds, isNamed: true });
    const fault = identityFault(found);
    assert.deepEqual([fault.variable, fault.kind, fault.details], ['APP_ID', 'missing', found]);
    await assert.rejects(identify(undefined, undefined, never, found), {
      ...{ code: 'IDENTITY_UNKNOWN', details: found, hint: fault.fix },
    });
    const { appId, warning } = await identify(undefined, OTHER_ID, never, found);
    assert.deepEqual([appId, warning?.kind], [OTHER_ID, 'no-socket']);
  });
}

test('a socket and a URL are not reported as missing', async (t) => {
  const { socket } = await world(t);
  for (const place of [socket, 'http://127.0.0.1:8090']) assert.equal(missingSocket(place), undefined);
});

test('without a known path of the socket, the fault has no path', () => {
  const { variable, details } = identityFault(undefined);
  assert.deepEqual([variable, details], ['APP_ID', undefined]);
});
