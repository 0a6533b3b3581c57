import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setDefaultCACertificates } from 'node:tls';
import { createScriptedClient, signedResponses } from '../../test/harness/ca/scripted-ca.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { type Pebble, startPebble } from '../../test/world/ca/pebble.ts';
import { claimLoopback, type Loopback } from '../../test/world/loopback.ts';
import { isIngressError } from '../errors.ts';
import { type AccountStore, createAccountStore } from './account-store.ts';
import { createAcmeClient } from './client.ts';
import { isProblem, problemOf } from './problem.ts';

const REGISTER = 'POST /sign-me-up';
const never = new AbortController().signal;
const clock = createFakeClock();
let loopback: Loopback;
let directory = '';
let pebble: Pebble;

before(async () => {
  loopback = await claimLoopback();
  directory = mkdtempSync(join(tmpdir(), 'authority-'));
  const address = loopback.next();
  pebble = await startPebble({ directory, address, dnsServer: `${address}:53`, nonceReject: 20 });
  setDefaultCACertificates([readFileSync(pebble.apiCaFile, 'utf8')]);
});
after(async () => {
  await pebble[Symbol.asyncDispose]();
  await loopback[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const storeIn = (root: string) => createAccountStore(root, pebble.directoryUrl, clock);

function open(accounts: AccountStore, options: { email?: string; directoryUrl?: string } = {}) {
  const { email, directoryUrl = pebble.directoryUrl } = options;
  return createAcmeClient({ directoryUrl, email, userAgent: 'dstack-ingress/test', accounts, clock });
}

const registrations = () => pebble.requests().get(REGISTER) ?? 0;

test('an account is made once and kept: over questions, over restarts, without asking the CA again', async () => {
  const root = mkdtempSync(join(directory, 'volume-'));
  const before = registrations();
  const authority = open(storeIn(root), { email: 'ops@example.com' });
  const url = await authority.accountUrl(never);
  assert.equal(await authority.accountUrl(never), url);
  assert.ok(registrations() > before, 'registered; refused nonces may have made it several requests');
  const asked = [...pebble.requests().values()].reduce((sum, count) => sum + count, 0);
  assert.equal(await open(storeIn(root)).accountUrl(never), url);
  assert.equal(
    [...pebble.requests().values()].reduce((sum, count) => sum + count, 0),
    asked,
  );
  const { order } = await open(storeIn(root)).createOrder({ names: ['app.example.test'] }, never);
  assert.equal(order.status, 'pending');
});

test('questions at the same time make one account', async () => {
  const root = mkdtempSync(join(directory, 'volume-'));
  let created = 0;
  const store = storeIn(root);
  const create = async () => {
    created += 1;
    return store.create();
  };
  const authority = open({ ...store, create });
  const [one, two] = await Promise.all([authority.accountUrl(never), authority.accountUrl(never)]);
  assert.equal(one, two);
  assert.equal(created, 1);
});

test('the key is on the volume before the CA hears of it, and used after a registration that failed', async () => {
  const root = mkdtempSync(join(directory, 'volume-'));
  await pebble.stop();
  const authority = open(storeIn(root));
  await assert.rejects(authority.accountUrl(never), { code: 'ACME_UNREACHABLE' });
  const stored = await storeIn(root).load();
  assert.ok(stored);
  assert.equal(stored.url, undefined);
  await pebble.start();
  await authority.accountUrl(never);
  assert.equal((await storeIn(root).load())?.keyPem.reveal(), stored.keyPem.reveal());
});

test('with an address, an account whose registration was not noted is found again by its key', async () => {
  const root = mkdtempSync(join(directory, 'volume-'));
  const lost = { ...storeIn(root), register: () => Promise.reject(new Error('crash')) };
  const email = 'ops@example.com';
  await assert.rejects(open(lost, { email }).accountUrl(never), /crash/);
  const url = await open(storeIn(root), { email }).accountUrl(never);
  assert.equal((await storeIn(root).load())?.url, url);
});

test('an account whose registration was not noted is found again by its key', async () => {
  const root = mkdtempSync(join(directory, 'volume-'));
  const store = storeIn(root);
  const lost = { ...store, register: () => Promise.reject(new Error('crash')) };
  await assert.rejects(open(lost).accountUrl(never), /crash/);
  const url = await open(store).accountUrl(never);
  assert.equal((await storeIn(root).load())?.url, url);
});

test('an account that the CA forgot is registered again with the same key, and noted', async () => {
  const root = mkdtempSync(join(directory, 'volume-'));
  const authority = open(storeIn(root));
  await authority.accountUrl(never);
  const before = await storeIn(root).load();
  await pebble.stop();
  await pebble.start();
  await assert.rejects(authority.createOrder({ names: ['app.example.test'] }, never), (thrown) =>
    isProblem(thrown, 'accountDoesNotExist'),
  );
  const { order } = await authority.createOrder({ names: ['app.example.test'] }, never);
  assert.equal(order.status, 'pending');
  const after = await storeIn(root).load();
  assert.notEqual(after?.url, before?.url);
  assert.equal(after?.keyPem.reveal(), before?.keyPem.reveal());
  assert.equal(await authority.accountUrl(never), after?.url);
});

test('a refusal keeps type, status, detail and Retry-After as they were sent', async () => {
  const authority = open(storeIn(mkdtempSync(join(directory, 'volume-'))));
  await assert.rejects(authority.createOrder({ names: ['*.*.example.test'] }, never), (thrown) => {
    assert.ok(isIngressError(thrown, 'ACME_PROBLEM'));
    const problem = problemOf(thrown);
    assert.match(problem?.type ?? '', /^urn:ietf:params:acme:error:(malformed|rejectedIdentifier)$/);
    assert.equal(problem?.status, 400);
    assert.ok(thrown.message.includes(problem?.detail ?? 'no detail'));
    return true;
  });
});

test('the value of a challenge is a digest (RFC 8555 §8.4)', async () => {
  const authority = open(storeIn(mkdtempSync(join(directory, 'volume-'))));
  const { order } = await authority.createOrder({ names: ['app.example.test'] }, never);
  const [authorization] = await authority.getAuthorizations(order, never);
  const challenge = authorization?.challenges.find(({ type }) => type === 'dns-01');
  assert.ok(challenge);
  // Base64url of a SHA-256.
  assert.match(await authority.challengeValue(challenge, never), /^[\w-]{43}$/);
});

const directories: [title: string, body: unknown, expected: string][] = [
  ['the first of its names', { meta: { caaIdentities: ['ca.example', 'other.example'] } }, 'ca.example'],
  ["Let's Encrypt's, when it has no names", { meta: {} }, 'letsencrypt.org'],
  ["Let's Encrypt's, when it says nothing of itself", {}, 'letsencrypt.org'],
  ["Let's Encrypt's, when its names are none", { meta: { caaIdentities: [7, null] } }, 'letsencrypt.org'],
];
for (const [title, body, expected] of directories) {
  test(`the CAA identity of a CA is ${title}, and asked for once`, async (t) => {
    let asked = 0;
    const authority = await createScriptedClient(t, (request, response) => {
      asked += 1;
      assert.equal(request.headers['user-agent'], 'dstack-ingress/test');
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    });
    assert.equal(await authority.caaIdentity(never), expected);
    assert.equal(await authority.caaIdentity(never), expected);
    assert.equal(asked, 1);
  });
}

test('who the CA is, and which account is stored, is told without making one', async () => {
  const root = mkdtempSync(join(directory, 'volume-'));
  const authority = open(storeIn(root));
  const before = registrations();
  assert.equal(await authority.caaIdentity(never), 'pebble.letsencrypt.org');
  assert.equal(await authority.storedAccountUrl(), undefined);
  assert.equal(registrations(), before);
  assert.deepEqual(readdirSync(root), []);
  const url = await authority.accountUrl(never);
  assert.equal(await open(storeIn(root)).storedAccountUrl(), url);
});

test("Let's Encrypt is not asked who it is", async () => {
  const accounts = storeIn(mkdtempSync(join(directory, 'volume-')));
  for (const host of ['acme-v02', 'acme-staging-v02']) {
    const directoryUrl = `https://${host}.api.letsencrypt.org/directory`;
    assert.equal(await open(accounts, { directoryUrl }).caaIdentity(never), 'letsencrypt.org');
  }
});

test('a CA that fails for a moment is asked again', async (t) => {
  let failures = 2;
  let asked = 0;
  const authority = await createScriptedClient(t, (_, response) => {
    asked += 1;
    failures -= 1;
    if (failures >= 0) response.writeHead(503, { 'retry-after': '1' }).end('<html>maintenance</html>');
    else
      response.setHeader('content-type', 'application/json').end('{"meta":{"caaIdentities":["ca.example"]}}');
  });
  assert.equal(await authority.caaIdentity(never), 'ca.example');
  assert.equal(asked, 3);
});

test('a CA that stays down is asked four times', async (t) => {
  let asked = 0;
  const authority = await createScriptedClient(t, (_, response) => {
    asked += 1;
    response.writeHead(503).end('<html>maintenance</html>');
  });
  await assert.rejects(authority.caaIdentity(never), isIngressError);
  assert.equal(asked, 4);
});

test('a refusal of the directory keeps the words of the CA', async (t) => {
  const authority = await createScriptedClient(
    t,
    (_, response) => void response.writeHead(404).end('no such directory'),
  );
  await assert.rejects(authority.caaIdentity(never), (thrown) => {
    assert.ok(isIngressError(thrown, 'ACME_PROBLEM'), String(thrown));
    assert.match(thrown.message, /no such directory/);
    return true;
  });
});

const authorizationAt = (base: string) => ({
  ...{ url: `${base}/authz/1`, status: 'pending' as const, expires: '', challenges: [] },
  identifier: { type: 'dns', value: 'app.example.test' },
});

test('an authorization is read with the pause that this answer asks for, not an earlier one', async (t) => {
  const body = { status: 'pending', challenges: [] };
  const { listener } = signedResponses([{ headers: { 'retry-after': '3' }, body }, { body }]);
  let base = '';
  const authority = await createScriptedClient(t, (request, response) => {
    base = `http://${request.headers.host}`;
    listener(request, response);
  });
  await authority.caaIdentity(never);
  const authorization = authorizationAt(base);
  assert.equal((await authority.pollAuthorization(authorization, never)).pauseMs, 3000);
  assert.equal((await authority.pollAuthorization(authorization, never)).pauseMs, undefined);
});

test('a limit keeps its Retry-After and what is wrong with each name, and is not asked again', async (t) => {
  const problem = {
    ...{ type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many', status: 429 },
    subproblems: [{ type: 'urn:ietf:params:acme:error:caa', detail: 'no', identifier: { value: 'x.test' } }],
  };
  const { listener, posts } = signedResponses([
    { status: 429, headers: { 'retry-after': '3600' }, body: problem },
  ]);
  const authority = await createScriptedClient(t, listener);
  await assert.rejects(authority.createOrder({ names: ['app.example.test'] }, never), (thrown) => {
    assert.ok(isIngressError(thrown, 'ACME_PROBLEM'));
    assert.equal(thrown.retryAfterMs, 3_600_000);
    assert.equal(problemOf(thrown)?.subproblems[0]?.identifier, 'x.test');
    return isProblem(thrown, 'rateLimited');
  });
  assert.equal(posts.length, 1);
});

test('an abort ends a question that hangs', async (t) => {
  const abort = new AbortController();
  const authority = await createScriptedClient(t, () => abort.abort(new Error('stopped')));
  await assert.rejects(authority.caaIdentity(abort.signal), /stopped/);
});
