import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { environmentFor } from '../world/ingress.ts';
import { again, worldFor, writes } from './support.ts';

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
  const words = ingress.words.join('\n');
  assert.match(words, /1 error:\n {2}DELEGATION_ZONE is set, but this version /);
  assert.match(words, /Warnings:\n {2}CLIENT_MAX_BODY_SIZE has no effect/);
  assert.match(words, /ALIAS_DOMIAN has no effect.*did you mean ALIAS_DOMAIN/);
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
  assert.match(ingress.words.join('\n'), /made-by-docker\.sock is a directory.*missing on the host/);
  assert.match(ingress.words.join('\n'), /Remove that directory on the host/);
});
