import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { openRoute53 } from '../../providers/route53/provider.ts';
import { Secret } from '../../src/config/secret.ts';
import { createOutgoing } from '../../src/net/outgoing.ts';
import { openServer } from '../world/open-server.ts';
import { APP, begin, CHALLENGE, kinds, ZONE } from './route53-support.ts';
import { settingsFor } from './route53-world.ts';
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
  test('the error for each missing permission names the action and the resource', async () => {
    await using begun = await begin();
    const { simulator } = begun;
    const id = simulator.zoneId(ZONE);
    const blind = begun.open({}, simulator.addUser({ listZones: false, getChange: false, zones: {} }));
    const zone = { id, name: ZONE };
    const arn = `arn:aws:route53:::hostedzone/${id}`;
    const missing = async (call: Promise<unknown>) => {
      const { action, resource, denied } = (await failure(call, 'PROVIDER_PERMISSION_MISSING')).details;
      assert.equal(denied, undefined);
      return [action, resource];
    };
    assert.deepEqual(await missing(blind.check(soon())), ['route53:ListHostedZones', '*']);
    const reading = await missing(blind.records(zone, [APP], soon()));
    assert.deepEqual(reading, ['route53:ListResourceRecordSets', arn]);
    const writing = await missing(blind.apply(zone, create(TXT), soon()));
    assert.deepEqual(writing, ['route53:ChangeResourceRecordSets', arn]);
    const deaf = begun.open({}, simulator.addUser({ getChange: false }));
    await deaf.apply(zone, create(TXT), soon());
    const waiting = await missing(deaf.settled?.(zone, soon()) ?? Promise.resolve());
    assert.deepEqual(waiting, ['route53:GetChange', 'arn:aws:route53:::change/*']);
  });

  test('an explicit deny is told apart from a missing permission', async () => {
    await using begun = await begin();
    const words =
      'User: u is not authorized to perform: route53:ListHostedZones on resource: * with an explicit deny in a service control policy';
    begun.simulator.refuseNext(403, 'AccessDenied', words);
    const error = await failure(begun.provider.check(soon()), 'PROVIDER_PERMISSION_MISSING');
    const { action, denied } = error.details;
    assert.deepEqual([action, denied], ['route53:ListHostedZones', true]);
  });
});

describe('Route 53: credentials', { concurrency: true }, () => {
  test('a secret that does not belong to the key is told apart, without the canonical request that AWS repeats', async () => {
    await using begun = await begin();
    const provider = begun.open({ secretAccessKey: new Secret('of/another+key') });
    const error = await failure(provider.check(soon()), 'PROVIDER_CREDENTIALS_REJECTED');
    assert.equal(error.details['reason'], 'secret-wrong');
    assert.doesNotMatch(error.message, /Canonical String/);
  });

  const refusals: readonly (readonly [code: string, words: string, reason: string, retryable: boolean])[] = [
    [
      'SignatureDoesNotMatch',
      'Signature expired: 20260101T000000Z is now earlier than …',
      'clock-wrong',
      true,
    ],
    ['RequestExpired', 'Request has expired.', 'clock-wrong', true],
    ['ExpiredToken', 'The security token included in the request is expired', 'credentials-expired', false],
    [
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
      'key-unknown',
      false,
    ],
  ];
  for (const [code, words, reason, retryable] of refusals) {
    test(`the reason of ${code} is ${reason}: ${words}`, async () => {
      await using begun = await begin();
      begun.simulator.refuseNext(403, code, words);
      const error = await failure(begun.provider.check(soon()), 'PROVIDER_CREDENTIALS_REJECTED');
      assert.equal(error.details['reason'], reason);
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
      // Without a URL of its own the provider uses Amazon's endpoint; it must not use the file's.
      await using proxy = await refusingProxy();
      const elsewhere = openRoute53(
        { ...settingsFor(begun.simulator, begun.simulator.user), route53Url: undefined },
        { ...begun.context, outgoing: proxy.outgoing },
      );
      const error = await failure(elsewhere.check(soon()), 'PROVIDER_UNREACHABLE');
      assert.equal(error.details['reason'], 'proxy-forbids-host');
      assert.deepEqual(proxy.targets, ['route53.amazonaws.com:443']);
    } finally {
      for (const name of Object.keys(foreign)) delete process.env[name];
    }
    assert.equal(begun.simulator.calls.length, 2);
  });
});

/** A proxy that records the target of every CONNECT and refuses it. */
async function refusingProxy() {
  const targets: (string | undefined)[] = [];
  const server = createServer().on('connect', ({ url }, socket: Socket) => {
    targets.push(url);
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  const opened = await openServer(server, { host: '127.0.0.1', port: 0 });
  const host = `127.0.0.1:${opened.port}`;
  const outgoing = createOutgoing({ url: `http://${host}/`, host, noProxy: '' });
  return { targets, outgoing, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
}

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

  test('a role that may not be assumed is a missing permission', async () => {
    await using begun = await beginWithRole('e1');
    const provider = begun.open({ roleArn: begun.roleArn }, begun.user);
    const error = await failure(provider.check(soon()), 'PROVIDER_PERMISSION_MISSING');
    const { action, resource } = error.details;
    assert.deepEqual([action, resource], ['sts:AssumeRole', begun.roleArn]);
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
