import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ingressIn, worldFor } from '../../../e2e/support.ts';
import type { World } from '../../world.ts';
import { readSettings, type Settings } from './settings.ts';
import { visit } from './visitor.ts';

/** The visitor's settings in a world of one process. */
function settingsIn(world: World, patienceSeconds: number): Settings {
  writeFileSync(join(world.directory, 'roots.pem'), world.pebble.roots.join(''));
  return readSettings({
    ZONE: world.zone,
    DOMAIN: `app.${world.zone}`,
    GATEWAY_DOMAIN: 'cluster.test',
    NS1_ADDRESS: world.nameServers.ns1.address,
    NS2_ADDRESS: world.nameServers.ns2.address,
    RESOLVER_ADDRESS: world.resolver.address,
    GATEWAY_ADDRESS: world.gateway.address,
    APP_ID: world.guestAgent.appId,
    INSTANCE_ID: world.guestAgent.instanceId,
    INSTANCE_ADDRESS: '127.0.0.1',
    CLOUDFLARE_API_TOKEN: world.cloudflare.token,
    CERTIFICATE_SECONDS: '3600',
    PUBLISHED_PORT: '9443',
    VISITOR_PATIENCE_SECONDS: String(patienceSeconds),
    CA_DIR: world.directory,
  });
}

test('waits for the ingress, then prints the response, the records and a curl line', async (t) => {
  const world = await worldFor(t);
  const lines: string[] = [];
  const visited = visit(settingsIn(world, 60), (line) => lines.push(line));
  await ingressIn(t, world, { SET_CAA: 'true' });
  await visited;
  const said = lines.join('\n');
  assert.match(
    said,
    /^https:\/\/app\.example\.test\/ responded, verified, [\d.]+ s after the visitor started:/,
  );
  assert.match(said, /^ {2}answer {7}the app answers \/$/m);
  assert.match(said, /^ {2}certificate {2}for DNS:app\.example\.test, by Pebble Intermediate CA/m);
  assert.match(said, /^ {2}record {7}app\.example\.test CNAME \S*\.cluster\.test$/m);
  assert.match(said, /^ {2}record {7}app\.example\.test CAA 0 issue "pebble\.letsencrypt\.org;/m);
  const { appId } = world.guestAgent;
  assert.match(
    said,
    new RegExp(`^ {2}record {7}_dstack-app-address\\.app\\.example\\.test TXT "${appId}:\\d+"$`, 'm'),
  );
  const curl =
    'curl --cacert roots.pem --resolve app.example.test:9443:127.0.0.1 https://app.example.test:9443/';
  assert.equal(lines.at(-1)?.trim(), curl);
});

test('gives up after its patience and reports the last failure', async (t) => {
  const world = await worldFor(t);
  const visited = visit(settingsIn(world, 0.3), () => {});
  await assert.rejects(
    visited,
    /did not respond within 0\.3 s: app\.example\.test has no address \(NXDOMAIN\)/,
  );
});
