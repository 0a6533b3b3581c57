import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../../test/harness/after-test.ts';
import { systemClock, until } from '../clock.ts';
import { parseAddresses, systemLookup } from './system-lookup.ts';

const patience = { clock: systemClock, timeoutMs: 10_000, everyMs: 10 };

/** Makes a folder the whole PATH until the test ends, with this script as its getent. */
function fakeGetent(t: TestContext, script: string | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), 'getent-'));
  const { PATH } = process.env;
  afterTest(t, () => {
    process.env['PATH'] = PATH;
    rmSync(folder, { recursive: true });
  });
  if (script !== undefined) writeFileSync(join(folder, 'getent'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  process.env['PATH'] = folder;
  return folder;
}

/**
 * A getent that writes its process id to a file and then waits, like a resolver without an answer.
 */
function silentGetent(t: TestContext) {
  const folder = fakeGetent(t, `echo $$ >"\${0%/*}/pid"\nexec /bin/sleep 60`);
  return async () => {
    const pid = await until(() => Number(readFileSync(join(folder, 'pid'), 'utf8')) || undefined, patience);
    assert.ok(pid);
    return pid;
  };
}

async function ended(pid: number): Promise<boolean> {
  const gone = () => {
    try {
      process.kill(pid, 0);
      return undefined;
    } catch {
      return true;
    }
  };
  return (await until(gone, patience)) ?? false;
}

const outputs: readonly [what: string, output: string, addresses: readonly string[]][] = [
  [
    'each address once, in its order',
    '10.0.0.2 STREAM app\n10.0.0.2 DGRAM\n10.0.0.1 STREAM\n',
    ['10.0.0.2', '10.0.0.1'],
  ],
  [
    'both families',
    'fd00::1         STREAM app\nfe80::1%eth0 STREAM \n10.0.0.1 RAW\n',
    ['fd00::1', 'fe80::1%eth0', '10.0.0.1'],
  ],
  ['nothing', '', []],
  ['a line without an address', 'app has none\n', []],
];
for (const [what, output, addresses] of outputs) {
  test(`parses ${what}`, () =>
    assert.deepEqual(
      parseAddresses(output).map(({ address }) => address),
      addresses,
    ));
}

test('a host of /etc/hosts is found', async () => {
  assert.ok(
    (await systemLookup('localhost')).some(({ address, family }) => address === '127.0.0.1' && family === 4),
  );
});

test('a host without an address rejects like dns.lookup', async (t) => {
  fakeGetent(t, 'exit 2');
  await assert.rejects(systemLookup('app'), {
    code: 'ENOTFOUND',
    message: 'getaddrinfo ENOTFOUND app',
    hostname: 'app',
  });
});

const reasons: readonly [words: string, code: string][] = [
  ['bash: line 1: app: Name or service not known', 'ENOTFOUND'],
  ['bash: line 1: app: No address associated with hostname', 'ENOTFOUND'],
  ['bash: line 1: app: Temporary failure in name resolution', 'EAI_AGAIN'],
  // By now it has an address.
  ['bash: connect: Connection refused', 'EAI_AGAIN'],
];
for (const [words, code] of reasons) {
  test(`a host without an address is ${code} if the resolver says "${words}"`, async (t) => {
    const folder = fakeGetent(t, 'exit 2');
    writeFileSync(join(folder, 'bash'), `#!/bin/sh\necho '${words}' >&2; exit 1\n`, { mode: 0o755 });
    await assert.rejects(systemLookup('app'), { code });
  });
}

test('an aborted lookup rejects with the signal’s reason and ends its process', async (t) => {
  const pid = silentGetent(t);
  const abort = new AbortController();
  const looking = systemLookup('app', abort.signal);
  looking.catch(() => undefined);
  const child = await until(() => pid().catch(() => undefined), patience);
  const reason = new Error('stopped');
  abort.abort(reason);
  await assert.rejects(looking, (thrown) => thrown === reason);
  assert.ok(await ended(child ?? 0));
});

test('a lookup that takes too long is EAI_AGAIN and ends its process', async (t) => {
  const pid = silentGetent(t);
  await assert.rejects(systemLookup('app', undefined, 1_500), { code: 'EAI_AGAIN' });
  assert.ok(await ended(await pid()));
});

test('its process gets only the variables of the resolver, no secrets', async (t) => {
  const folder = fakeGetent(t, `/usr/bin/env >"\${0%/*}/env"; exit 2`);
  Object.assign(process.env, { CLOUDFLARE_API_TOKEN: 'a-secret', RES_OPTIONS: 'timeout:1' });
  afterTest(t, () => {
    for (const name of ['CLOUDFLARE_API_TOKEN', 'RES_OPTIONS']) Reflect.deleteProperty(process.env, name);
  });
  await assert.rejects(systemLookup('app'));
  const names = readFileSync(join(folder, 'env'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  // The shell adds PWD.
  assert.deepEqual(names.filter((name) => name !== 'PWD' && name !== '_').sort(), ['PATH', 'RES_OPTIONS']);
});

test('without getent, Node.js looks up the host', async (t) => {
  fakeGetent(t, undefined);
  assert.ok((await systemLookup('localhost')).length > 0);
});

test('a getent that cannot be run is named in the error', async (t) => {
  const folder = fakeGetent(t, '');
  writeFileSync(join(folder, 'getent'), 'no program', { mode: 0o755 });
  await assert.rejects(systemLookup('app'), { code: 127, cmd: 'getent ahosts -- app' });
});
