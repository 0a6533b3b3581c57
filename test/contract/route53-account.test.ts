import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { Secret } from '../../src/config/secret.ts';
import { APP, begin, CHALLENGE, kinds, ZONE } from './route53-support.ts';
import { create, failure, record, soon } from './support.ts';

const TXT = record(CHALLENGE, 'TXT', 'value');

describe('Route 53: limits', { concurrency: true }, () => {
  test('a call beyond the limit delays the next ones by a second', async () => {
    await using begun = await begin();
    begun.simulator.failNext({ kind: 'rate-limit' });
    const error = await failure(begun.provider.zone(APP, soon()), 'PROVIDER_RATE_LIMITED');
    assert.equal(error.retryAfterMs, 1000);
    await begun.provider.zone(APP, soon());
    assert.deepEqual(
      begun.context.waits.map(({ reason }) => reason),
      ['asked-to-wait'],
    );
  });

  test('a change that waits for another one is retried later, and not planned again', async () => {
    await using begun = await begin();
    const { simulator, provider } = begun;
    const zone = await provider.zone(APP, soon());
    const words = 'The request was rejected because Route 53 was still processing a prior request.';
    simulator.refuseNext(400, 'PriorRequestNotComplete', words);
    const error = await failure(provider.apply(zone, create(TXT), soon()), 'PROVIDER_UNAVAILABLE');
    assert.deepEqual([error.retryable, error.retryAfterMs], [true, 1000]);
    await provider.apply(zone, create(TXT), soon());
  });

  test('no second has more than five calls', async () => {
    await using begun = await begin();
    const { provider, context } = begun;
    const zone = await provider.zone(APP, soon());
    const times: number[] = [];
    for (let index = 0; index < 12; index += 1) {
      await provider.records(zone, [APP], soon());
      times.push(context.clock.now().getTime());
    }
    for (const [index, time] of times.entries()) {
      assert.ok(times.slice(index).filter((other) => other < time + 1000).length <= 5, times.join());
    }
  });
});

describe('Route 53: settled()', { concurrency: true }, () => {
  async function written() {
    await using stack = new AsyncDisposableStack();
    const begun = stack.use(await begin());
    const zone = await begun.provider.zone(APP, soon());
    await begun.provider.settled?.(zone, soon());
    assert.equal(begun.simulator.calls.length, 1, 'it called GetChange although nothing was written');
    await begun.provider.apply(zone, create(TXT), soon());
    begun.simulator.resetCalls();
    const held = stack.move();
    return { ...begun, zone, [Symbol.asyncDispose]: () => held.disposeAsync() };
  }

  test('it polls until the change is in force, and never again', async () => {
    await using begun = await written();
    const { simulator, provider, zone } = begun;
    simulator.pendingAnswers = 2;
    await provider.settled?.(zone, soon());
    assert.match(simulator.calls[0]?.path ?? '', /^\/2013-04-01\/change\/C\w+$/);
    await provider.settled?.(zone, soon());
    assert.deepEqual(kinds(begun), ['read', 'read', 'read']);
  });

  test('it polls every change that was made', async () => {
    await using begun = await written();
    const { simulator, provider, zone } = begun;
    await provider.apply(zone, create(record(APP, 'TXT', 'other')), soon());
    simulator.resetCalls();
    await provider.settled?.(zone, soon());
    assert.equal(new Set(simulator.calls.map(({ path }) => path)).size, 2);
  });

  test('a change that is no longer known is in force', async () => {
    await using begun = await written();
    begun.simulator.refuseNext(404, 'NoSuchChange', 'Could not find resource with ID: C1');
    await begun.provider.settled?.(begun.zone, soon());
    assert.deepEqual(kinds(begun), ['read']);
  });

  test('it ends with its signal', async () => {
    await using begun = await written();
    begun.simulator.pendingAnswers = 1000;
    const reason = new Error('enough');
    const controller = new AbortController();
    const settled = begun.provider.settled?.(begun.zone, controller.signal);
    setTimeout(() => controller.abort(reason), 20);
    await assert.rejects(settled ?? Promise.resolve(), (thrown) => thrown === reason);
  });
});

describe('Route 53: permissions', { concurrency: true }, () => {
  const statement = (Action: string, Resource: string) =>
    JSON.stringify({ Effect: 'Allow', Action, Resource });

  test('the hint for each missing permission has the statement to add', async () => {
    await using begun = await begin();
    const { simulator } = begun;
    const id = simulator.zoneId(ZONE);
    const blind = begun.open({}, simulator.addUser({ listZones: false, getChange: false, zones: {} }));
    const zone = { id, name: ZONE };
    const arn = `arn:aws:route53:::hostedzone/${id}`;
    const hintOf = async (call: Promise<unknown>) =>
      (await failure(call, 'PROVIDER_PERMISSION_MISSING')).hint;
    assert.ok((await hintOf(blind.check(soon()))).includes(statement('route53:ListHostedZones', '*')));
    const reading = await hintOf(blind.records(zone, [APP], soon()));
    assert.ok(reading.includes(statement('route53:ListResourceRecordSets', arn)), reading);
    assert.match(reading, /IAM console > .* > Create inline policy/);
    const writing = await hintOf(blind.apply(zone, create(TXT), soon()));
    assert.match(
      writing,
      /route53:ChangeResourceRecordSets for some names, types or actions only, add those/,
    );
    assert.ok(writing.includes(arn), writing);
    const deaf = begun.open({}, simulator.addUser({ getChange: false }));
    await deaf.apply(zone, create(TXT), soon());
    const waiting = await hintOf(deaf.settled?.(zone, soon()) ?? Promise.resolve());
    assert.ok(waiting.includes(statement('route53:GetChange', 'arn:aws:route53:::change/*')), waiting);
  });

  test('the hint for an explicit deny does not suggest to add a permission', async () => {
    await using begun = await begin();
    const words =
      'User: u is not authorized to perform: route53:ListHostedZones on resource: * with an explicit deny in a service control policy';
    begun.simulator.refuseNext(403, 'AccessDenied', words);
    const error = await failure(begun.provider.check(soon()), 'PROVIDER_PERMISSION_MISSING');
    assert.match(error.hint, /A policy denies route53:ListHostedZones/);
  });
});

describe('Route 53: credentials', { concurrency: true }, () => {
  test('a secret that does not belong to the key is told apart, without the canonical request that AWS repeats', async () => {
    await using begun = await begin();
    const provider = begun.open({ secretAccessKey: new Secret('of/another+key') });
    const error = await failure(provider.check(soon()), 'PROVIDER_CREDENTIALS_REJECTED');
    assert.match(error.hint, /AWS_SECRET_ACCESS_KEY to the whole secret of AWS_ACCESS_KEY_ID/);
    assert.doesNotMatch(error.message, /Canonical String/);
  });

  const refusals: readonly (readonly [code: string, words: string, hint: RegExp, retryable: boolean])[] = [
    ['SignatureDoesNotMatch', 'Signature expired: 20260101T000000Z is now earlier than …', /clock/, true],
    ['RequestExpired', 'Request has expired.', /clock/, true],
    [
      'ExpiredToken',
      'The security token included in the request is expired',
      /new temporary credentials/,
      false,
    ],
    [
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
      /AWS_SESSION_TOKEN/,
      false,
    ],
  ];
  for (const [code, words, hint, retryable] of refusals) {
    test(`${code} has a hint with a fix`, async () => {
      await using begun = await begin();
      begun.simulator.refuseNext(403, code, words);
      const error = await failure(begun.provider.check(soon()), 'PROVIDER_CREDENTIALS_REJECTED');
      assert.match(error.hint, hint);
      assert.equal(error.retryable, retryable);
    });
  }

  test('neither the environment nor ~/.aws replaces settings', async () => {
    await using begun = await begin();
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'config');
    const profile = '[default]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:1\nmax_attempts = 5\n';
    await writeFile(file, profile);
    const foreign = {
      AWS_CONFIG_FILE: file,
      AWS_SHARED_CREDENTIALS_FILE: file,
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      AWS_ENDPOINT_URL_ROUTE_53: 'http://127.0.0.1:1',
      AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:1',
      AWS_ACCESS_KEY_ID: 'AKIAFOREIGN',
      AWS_SECRET_ACCESS_KEY: 'foreign',
      AWS_SESSION_TOKEN: 'foreign',
      AWS_REGION: 'eu-west-1',
      AWS_USE_FIPS_ENDPOINT: 'true',
      AWS_MAX_ATTEMPTS: '5',
    };
    Object.assign(process.env, foreign);
    try {
      await begun.provider.check(soon());
      begun.simulator.failNext({ kind: 'status', status: 500 });
      await failure(begun.provider.check(soon()), 'PROVIDER_UNAVAILABLE');
      // Without a URL of its own the provider uses the region's endpoint, which does not exist; it
      // must not use the file's.
      const elsewhere = begun.open({ route53Url: undefined, region: 'no-such-region-1', timeoutMs: 2000 });
      const error = await failure(elsewhere.check(soon()), 'PROVIDER_UNREACHABLE');
      assert.doesNotMatch(error.message, /127\.0\.0\.1/);
    } finally {
      for (const name of Object.keys(foreign)) delete process.env[name];
    }
    assert.equal(begun.simulator.calls.length, 2);
  });
});

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'route53-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe('Route 53: a role', { concurrency: true }, () => {
  async function beginWithRole(externalId?: string) {
    await using stack = new AsyncDisposableStack();
    const begun = stack.use(await begin());
    const { simulator } = begun;
    const options = externalId === undefined ? {} : { externalId };
    const roleArn = simulator.addRole({ name: 'path/dns', ...options });
    const user = simulator.addUser({ listZones: false, zones: {}, assumeRoles: [roleArn] });
    const held = stack.move();
    return { ...begun, user, roleArn, [Symbol.asyncDispose]: () => held.disposeAsync() };
  }

  test('it is assumed once for all calls, in the configured region', async () => {
    await using begun = await beginWithRole('e/1');
    const { simulator, user, roleArn } = begun;
    simulator.stsRegion = 'eu-central-1';
    const provider = begun.open({ roleArn, externalId: 'e/1', region: 'eu-central-1' }, user);
    const zone = await provider.zone(APP, soon());
    await Promise.all([provider.apply(zone, create(TXT), soon()), provider.records(zone, [APP], soon())]);
    assert.deepEqual(simulator.calls.filter(({ path }) => path === '/').length, 1);
    assert.equal(simulator.sessions().length, 1);
  });

  test('it is assumed again before its keys expire, and when AWS says that they have', async () => {
    await using begun = await beginWithRole();
    const { simulator, user, roleArn, context } = begun;
    const provider = begun.open({ roleArn }, user);
    await provider.check(soon());
    for (const session of simulator.sessions()) session.expires = 0;
    const error = await failure(provider.check(soon()), 'PROVIDER_CREDENTIALS_REJECTED');
    assert.equal(error.retryable, true);
    await provider.check(soon());
    assert.equal(simulator.sessions().length, 2);
    await context.clock.wait(56 * 60_000);
    await provider.check(soon());
    assert.equal(simulator.sessions().length, 3);
  });

  test('the hint for one that may not be assumed has both required policies', async () => {
    await using begun = await beginWithRole('e1');
    const provider = begun.open({ roleArn: begun.roleArn }, begun.user);
    const error = await failure(provider.check(soon()), 'PROVIDER_PERMISSION_MISSING');
    assert.match(error.message, /^AWS STS refused to assume the role arn:aws:iam::\d+:role\/path\/dns/);
    assert.match(error.hint, /"Action":"sts:AssumeRole".*Trust relationships.*AWS_ROLE_EXTERNAL_ID/);
  });

  test('its keys appear in no error and in no provider', async () => {
    await using begun = await beginWithRole();
    const { simulator, user, roleArn } = begun;
    const provider = begun.open({ roleArn }, user);
    await provider.check(soon());
    const [session] = simulator.sessions();
    assert.ok(session?.sessionToken);
    const secrets = [session.secretAccessKey, session.sessionToken, user.secretAccessKey];
    for (const secret of secrets) {
      simulator.refuseNext(400, 'InvalidInput', `what is ${secret}?`);
      const error = await failure(provider.check(soon()), 'PROVIDER_REJECTED');
      assert.match(error.message, /what is \[redacted\]\?/);
    }
    const shown = inspect(provider, { depth: 20, showHidden: true });
    for (const secret of secrets) assert.ok(!shown.includes(secret));
  });
});
