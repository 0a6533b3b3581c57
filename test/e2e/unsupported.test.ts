import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { identityFault } from '../../src/dstack/identity.ts';
import { environmentFor } from '../world/ingress.ts';
import { again, listedIn, worldFor, writes } from './support.ts';

test('a delegated name of the older container: the start ends with 78, and every record stays', async (t) => {
  const world = await worldFor(t);
  const { cloudflare, zone } = world;
  const zoneOf = 'dele.example.net';
  for (const name of ['', '_dstack-app-address.', '_acme-challenge.'].map((label) => `${label}app.${zone}`))
    await cloudflare.addRecord(zone, { name, type: 'CNAME', content: `${name}.${zoneOf}` });
  const before = cloudflare.recordsOf(zone);
  const environment = await environmentFor(world, {
    DELEGATION_ZONE: zoneOf,
    CLIENT_MAX_BODY_SIZE: '1m',
    ALIAS_DOMIAN: 'www.example.test',
  });
  const ingress = again(t, environment);
  assert.equal((await ingress.ended).exitCode, 78);
  assert.deepEqual(listedIn(ingress.words), {
    faults: ['DELEGATION_ZONE'],
    warnings: ['CLIENT_MAX_BODY_SIZE', 'ALIAS_DOMIAN'],
  });
  assert.deepEqual(cloudflare.recordsOf(zone), before);
  assert.deepEqual([cloudflare.calls, writes(world)], [[], []]);
  assert.ok(!existsSync(environment['LETSENCRYPT_DIR'] ?? ''));
});

test('a socket whose source was missing on the host: the error names what Docker created instead', async (t) => {
  const world = await worldFor(t);
  const socket = join(world.directory, 'made-by-docker.sock');
  mkdirSync(socket);
  const ingress = again(t, await environmentFor(world, { DSTACK_SIMULATOR_ENDPOINT: socket }));
  assert.equal((await ingress.ended).exitCode, 78);
  assert.deepEqual(listedIn(ingress.words).faults, ['APP_ID']);
  // The sentence for a directory, which differs from that for other files.
  const { problem, fix } = identityFault({ path: socket, holds: 'a directory', isNamed: true });
  for (const part of [problem, fix])
    assert.ok(
      ingress.words.some((line) => line.includes(part)),
      part,
    );
});
