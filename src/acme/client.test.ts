import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setDefaultCACertificates } from 'node:tls';
import { createScriptedClient, signedResponses } from '../../test/harness/ca/scripted-ca.ts';
import { createFakeClock } from '../../test/harness/fake-clock.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
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
  directory = temporaryDirectory();
  const address = loopback.next();
  pebble = await startPebble({ directory, address, dnsServer: `${address}:53`, nonceReject: 20 });
  setDefaultCACertificates([readFileSync(pebble.apiCaFile, 'utf8')]);
});
after(async () => {
  await pebble[Symbol.asyncDispose]();
  await loopback[Symbol.asyncDispose]();
});

const storeIn = (root: string) => createAccountStore(root, pebble.directoryUrl, clock);

function open(accounts: AccountStore, options: { email?: string; directoryUrl?: string } = {}) {
  const { email, directoryUrl = pebble.directoryUrl } = options;
  return createAcmeClient({ directoryUrl, email, userAgent: 'dstack-ingress/test', accounts, clock });
}

const registrations = () => pebble.requests().get(REGISTER) ?? 0;

test('an account is registered once, and reused after restarts without a request', async () => {
  const root = temporaryDirectory();
  const before = registrations();
  const client = open(storeIn(root), { email: 'ops@example.com' });
  const url = await client.accountUrl(never);
  assert.equal(await client.accountUrl(never), url);
  assert.ok(registrations() > before, 'registered, in several requests if nonces were rejected');
  const requests = [...pebble.requests().values()].reduce((sum, count) => sum + count, 0);
  assert.equal(await open(storeIn(root)).accountUrl(never), url);
  assert.equal(
    [...pebble.requests().values()].reduce((sum, count) => sum + count, 0),
    requests,
  );
  const { order } = await open(storeIn(root)).createOrder({ names: ['app.example.test'] }, never);
  assert.equal(order.status, 'pending');
});

test('concurrent calls register one account', async () => {
  const root = temporaryDirectory();
  let created = 0;
  const store = storeIn(root);
  const create = async () => {
    created += 1;
    return store.create();
  };
  const client = open({ ...store, create });
  const [one, two] = await Promise.all([client.accountUrl(never), client.accountUrl(never)]);
  assert.equal(one, two);
  assert.equal(created, 1);
});

test('the key is stored before the registration, and reused after a registration that failed', async () => {
  const root = temporaryDirectory();
  await pebble.stop();
  const client = open(storeIn(root));
  await assert.rejects(client.accountUrl(never), { code: 'ACME_UNREACHABLE' });
  const stored = await storeIn(root).load();
  assert.ok(stored);
  assert.equal(stored.url, undefined);
  await pebble.start();
  await client.accountUrl(never);
  assert.equal((await storeIn(root).load())?.keyPem.reveal(), stored.keyPem.reveal());
});

test('with an email address, an account whose registration was not stored is found by its key', async () => {
  const root = temporaryDirectory();
  const lost = { ...storeIn(root), register: () => Promise.reject(new Error('crash')) };
  const email = 'ops@example.com';
  await assert.rejects(open(lost, { email }).accountUrl(never), /crash/);
  const url = await open(storeIn(root), { email }).accountUrl(never);
  assert.equal((await storeIn(root).load())?.url, url);
});

test('an account whose registration was not stored is found by its key', async () => {
  const root = temporaryDirectory();
  const store = storeIn(root);
  const lost = { ...store, register: () => Promise.reject(new Error('crash')) };
  await assert.rejects(open(lost).accountUrl(never), /crash/);
  const url = await open(store).accountUrl(never);
  assert.equal((await storeIn(root).load())?.url, url);
});

test('an account that the CA has lost is registered again with the same key, and stored', async () => {
  const root = temporaryDirectory();
  const client = open(storeIn(root));
  await client.accountUrl(never);
  const before = await storeIn(root).load();
  await pebble.stop();
  await pebble.start();
  await assert.rejects(client.createOrder({ names: ['app.example.test'] }, never), (thrown) =>
    isProblem(thrown, 'accountDoesNotExist'),
  );
  const { order } = await client.createOrder({ names: ['app.example.test'] }, never);
  assert.equal(order.status, 'pending');
  const after = await storeIn(root).load();
  assert.notEqual(after?.url, before?.url);
  assert.equal(after?.keyPem.reveal(), before?.keyPem.reveal());
  assert.equal(await client.accountUrl(never), after?.url);
});

test('a refusal keeps the type, status and detail of the problem', async () => {
  const client = open(storeIn(temporaryDirectory()));
  await assert.rejects(client.createOrder({ names: ['*.*.example.test'] }, never), (thrown) => {
    assert.ok(isIngressError(thrown, 'ACME_PROBLEM'));
    const problem = problemOf(thrown);
    assert.match(problem?.type ?? '', /^urn:ietf:params:acme:error:(malformed|rejectedIdentifier)$/);
    assert.equal(problem?.status, 400);
    assert.ok(thrown.message.includes(problem?.detail ?? 'no detail'));
    return true;
  });
});

test('challengeValue is a digest (RFC 8555 §8.4)', async () => {
  const client = open(storeIn(temporaryDirectory()));
  const { order } = await client.createOrder({ names: ['app.example.test'] }, never);
  const [authorization] = await client.getAuthorizations(order, never);
  const challenge = authorization?.challenges.find(({ type }) => type === 'dns-01');
  assert.ok(challenge);
  // Base64url of a SHA-256.
  assert.match(await client.challengeValue(challenge, never), /^[\w-]{43}$/);
});

const directories: [title: string, body: unknown, expected: string][] = [
  [
    'the first of its caaIdentities',
    { meta: { caaIdentities: ['ca.example', 'other.example'] } },
    'ca.example',
  ],
  ["Let's Encrypt's if it lists none", { meta: {} }, 'letsencrypt.org'],
  ["Let's Encrypt's if the directory has no meta", {}, 'letsencrypt.org'],
  ["Let's Encrypt's if none is a string", { meta: { caaIdentities: [7, null] } }, 'letsencrypt.org'],
];
for (const [title, body, expected] of directories) {
  test(`the CAA identity of a CA is ${title}, and is requested once`, async (t) => {
    let requests = 0;
    const client = await createScriptedClient(t, (request, response) => {
      requests += 1;
      assert.equal(request.headers['user-agent'], 'dstack-ingress/test');
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    });
    assert.equal(await client.caaIdentity(never), expected);
    assert.equal(await client.caaIdentity(never), expected);
    assert.equal(requests, 1);
  });
}

test('caaIdentity and storedAccountUrl register no account', async () => {
  const root = temporaryDirectory();
  const client = open(storeIn(root));
  const before = registrations();
  assert.equal(await client.caaIdentity(never), 'pebble.letsencrypt.org');
  assert.equal(await client.storedAccountUrl(), undefined);
  assert.equal(registrations(), before);
  assert.deepEqual(readdirSync(root), []);
  const url = await client.accountUrl(never);
  assert.equal(await open(storeIn(root)).storedAccountUrl(), url);
});

test("Let's Encrypt's CAA identity needs no request", async () => {
  const accounts = storeIn(temporaryDirectory());
  for (const host of ['acme-v02', 'acme-staging-v02']) {
    const directoryUrl = `https://${host}.api.letsencrypt.org/directory`;
    assert.equal(await open(accounts, { directoryUrl }).caaIdentity(never), 'letsencrypt.org');
  }
});

test('a request is retried after 503 with a short Retry-After', async (t) => {
  let failures = 2;
  let requests = 0;
  const client = await createScriptedClient(t, (_, response) => {
    requests += 1;
    failures -= 1;
    if (failures >= 0) response.writeHead(503, { 'retry-after': '1' }).end('<html>maintenance</html>');
    else
      response.setHeader('content-type', 'application/json').end('{"meta":{"caaIdentities":["ca.example"]}}');
  });
  assert.equal(await client.caaIdentity(never), 'ca.example');
  assert.equal(requests, 3);
});

test('a request is tried four times', async (t) => {
  let requests = 0;
  const client = await createScriptedClient(t, (_, response) => {
    requests += 1;
    response.writeHead(503).end('<html>maintenance</html>');
  });
  await assert.rejects(client.caaIdentity(never), isIngressError);
  assert.equal(requests, 4);
});

test('a directory that is refused without a problem document keeps the body', async (t) => {
  const client = await createScriptedClient(
    t,
    (_, response) => void response.writeHead(404).end('no such directory'),
  );
  await assert.rejects(client.caaIdentity(never), (thrown) => {
    assert.ok(isIngressError(thrown, 'ACME_PROBLEM'), String(thrown));
    assert.equal(problemOf(thrown)?.detail, 'no such directory');
    return true;
  });
});

const authorizationAt = (base: string) => ({
  ...{ url: `${base}/authz/1`, status: 'pending' as const, expires: '', challenges: [] },
  identifier: { type: 'dns', value: 'app.example.test' },
});

test('pauseMs is the Retry-After of this response, not of an earlier one', async (t) => {
  const body = { status: 'pending', challenges: [] };
  const { listener } = signedResponses([{ headers: { 'retry-after': '3' }, body }, { body }]);
  let base = '';
  const client = await createScriptedClient(t, (request, response) => {
    base = `http://${request.headers.host}`;
    listener(request, response);
  });
  await client.caaIdentity(never);
  const authorization = authorizationAt(base);
  assert.equal((await client.pollAuthorization(authorization, never)).pauseMs, 3000);
  assert.equal((await client.pollAuthorization(authorization, never)).pauseMs, undefined);
});

test('rateLimited keeps its Retry-After and subproblems, and is not retried', async (t) => {
  const problem = {
    ...{ type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many', status: 429 },
    subproblems: [{ type: 'urn:ietf:params:acme:error:caa', detail: 'no', identifier: { value: 'x.test' } }],
  };
  const { listener, posts } = signedResponses([
    { status: 429, headers: { 'retry-after': '3600' }, body: problem },
  ]);
  const client = await createScriptedClient(t, listener);
  await assert.rejects(client.createOrder({ names: ['app.example.test'] }, never), (thrown) => {
    assert.ok(isIngressError(thrown, 'ACME_PROBLEM'));
    assert.equal(thrown.retryAfterMs, 3_600_000);
    assert.equal(problemOf(thrown)?.subproblems[0]?.identifier, 'x.test');
    return isProblem(thrown, 'rateLimited');
  });
  assert.equal(posts.length, 1);
});

test('an abort ends a request that hangs', async (t) => {
  const abort = new AbortController();
  const client = await createScriptedClient(t, () => abort.abort(new Error('stopped')));
  await assert.rejects(client.caaIdentity(abort.signal), /stopped/);
});
