import assert from 'node:assert/strict';
import dns, { type LookupAddress } from 'node:dns';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { afterTest } from '../../../test/harness/after-test.ts';
import { openServer } from '../../../test/world/open-server.ts';
import { notFound } from '../../net/system-lookup.ts';
import { resolveInChildProcess } from './host-resolution.ts';

const IPV4: LookupAddress = { address: '127.0.0.1', family: 4 };
const IPV6: LookupAddress = { address: '::1', family: 6 };

/** Resolves hosts with `find` until the test ends; returns the hosts that were looked up. */
function resolveWith(t: TestContext, find: (host: string) => Promise<readonly LookupAddress[]>): string[] {
  const { lookup } = dns;
  afterTest(t, () => Object.assign(dns, { lookup }));
  const lookedUp: string[] = [];
  resolveInChildProcess((host) => {
    lookedUp.push(host);
    return find(host);
  });
  return lookedUp;
}

async function served(t: TestContext): Promise<number> {
  const server = await openServer(
    createServer((_, response) => response.end('hello')),
    { host: '127.0.0.1', port: 0 },
  );
  afterTest(t, () => server[Symbol.asyncDispose]());
  return server.port;
}

test('connections resolve names with the given lookup, each name once at a time', async (t) => {
  const port = await served(t);
  const lookedUp = resolveWith(t, async () => [IPV4]);
  const get = async (host: string) => (await fetch(`http://${host}:${port}/`)).text();
  assert.deepEqual(
    await Promise.all([get('one.test'), get('one.test'), get('two.test')]),
    Array(3).fill('hello'),
  );
  assert.deepEqual(lookedUp.sort(), ['one.test', 'two.test']);
  assert.equal(await get('127.0.0.1'), 'hello');
  assert.equal(lookedUp.length, 2);
});

test('a failed lookup is the error of the connection', async (t) => {
  resolveWith(t, async (host) => {
    throw notFound(host);
  });
  const failed: unknown = await fetch('http://nobody.test/').catch((thrown: unknown) => thrown);
  assert.ok(failed instanceof Error);
  assert.match(String(failed.cause), /getaddrinfo ENOTFOUND nobody\.test/);
});

test('dns.lookup returns the requested family', async (t) => {
  resolveWith(t, async () => [IPV6, IPV4]);
  const lookUp = (options: dns.LookupOptions) =>
    new Promise((resolve) => dns.lookup('app.test', options, (...found) => resolve(found)));
  assert.deepEqual(await lookUp({ all: true }), [null, [IPV6, IPV4]]);
  assert.deepEqual(await lookUp({ all: true, family: 4 }), [null, [IPV4]]);
  assert.deepEqual(await lookUp({ family: 'IPv4' }), [null, '127.0.0.1', 4]);
  assert.deepEqual(await lookUp({}), [null, '::1', 6]);
});

test('a family that the host does not have is ENOTFOUND', async (t) => {
  resolveWith(t, async () => [IPV4]);
  const error: unknown = await new Promise((resolve) => dns.lookup('app.test', { family: 6 }, resolve));
  assert.match(String(error), /getaddrinfo ENOTFOUND app\.test/);
});
