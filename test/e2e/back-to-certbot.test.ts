import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { certbotOn } from '../world/ca/certbot.ts';
import { certbotOfSuite } from '../world/ca/certbot-program.ts';
import { environmentFor } from '../world/ingress.ts';
import { again, worldFor } from './support.ts';

/**
 * An operator returns to certbot: it continues with a certificate that only this program has
 * ordered.
 */

const NAME = 'app.example.test';

test('certbot, old and new, continues with a certificate that the ingress ordered', async (t) => {
  const world = await worldFor(t);
  const environment = await environmentFor(world, { SET_CAA: 'true' });
  const volume = environment['LETSENCRYPT_DIR'] ?? '';
  const conf = join(volume, 'renewal', `${NAME}.conf`);
  const first = again(t, environment);
  await first.seen('renewal-conf-written');
  await first.seen('pass-finished');
  await first.end('SIGTERM');
  const written = readFileSync(conf, 'utf8');
  assert.equal(statSync(conf).mode & 0o777, 0o644);
  const accounts = world.pebble.requests().get('POST /sign-me-up');
  const renew = ['renew', '--no-random-sleep-on-renew', '--non-interactive', '--cert-name', NAME];

  for (const suite of ['this host', 'trixie', 'forky']) {
    await t.test(
      `certbot of ${suite} lists it, and its dry run succeeds with the ingress’s account`,
      async () => {
        const program = suite === 'this host' ? ['certbot'] : await certbotOfSuite(suite);
        const certbot = certbotOn(world, volume, program);
        const list = await certbot.run('certificates');
        assert.match(list, new RegExp(`Certificate Name: ${NAME}\\n[^]*\\(VALID: `));
        assert.doesNotMatch(list, /invalid|broken|warning|error/i);
        // certbot knows the staging environment of Let's Encrypt only.
        const dry = ['--dry-run', '--server', world.pebble.directoryUrl];
        assert.match(
          await certbot.run(...renew, ...dry, ...certbot.authenticator),
          /simulated renewals succeeded/,
        );
        assert.equal(world.pebble.requests().get('POST /sign-me-up'), accounts);
        assert.equal(readFileSync(conf, 'utf8'), written);
      },
    );
  }

  await t.test('without the provider’s plugin, its renewal says what is missing', async () => {
    const failure = /The requested dns-cloudflare plugin does not appear to be installed/;
    await assert.rejects(certbotOn(world, volume).run(...renew, '--force-renewal'), failure);
  });

  await t.test(
    'without its file, certbot fails and leaves an empty one, which the next start fills',
    async () => {
      const certbot = certbotOn(world, volume);
      rmSync(conf);
      await assert.rejects(certbot.issue(NAME), /archive directory exists for app\.example\.test/);
      assert.equal(readFileSync(conf, 'utf8'), '');
      await assert.rejects(certbot.run('renew', ...certbot.authenticator), /1 parse failure/);
      const second = again(t, environment);
      const line = await second.seen('renewal-conf-written');
      assert.equal(line['path'], conf);
      await second.seen('pass-finished');
      await second.end('SIGTERM');
      assert.equal(readFileSync(conf, 'utf8'), written);
    },
  );

  await t.test('certbot renews it, and its files are then left alone', async () => {
    const certbot = certbotOn(world, volume);
    await certbot.run(...renew, '--force-renewal', ...certbot.authenticator);
    const theirs = readFileSync(conf, 'utf8');
    assert.match(theirs, /authenticator = manual/);
    const third = again(t, environment);
    await third.seen('pass-finished');
    assert.deepEqual(
      third.log.filter(({ event }) => event === 'renewal-conf-written'),
      [],
    );
    assert.equal(readFileSync(conf, 'utf8'), theirs);
  });
});
