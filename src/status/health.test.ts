import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HealthCase, healthCases } from '../../test/harness/health-cases.ts';
import { judge, sample } from './health.ts';

/** The status, and the problem of each name. */
const expected: Readonly<Record<keyof typeof healthCases, readonly [status: string, ...problems: string[]]>> =
  {
    'a valid certificate for the name, from any issuer': ['healthy'],
    'a wildcard': ['healthy'],
    'an expired certificate': ['unhealthy', 'app.example.com expired'],
    'a certificate for another name': ['unhealthy', 'other.example.com wrong-certificate'],
    'a closed port': ['unhealthy', 'app.example.com not-listening'],
    'a missing socket': ['unhealthy', 'app.example.com no-socket'],
    'a refused name': ['unhealthy', 'app.example.com no-certificate'],
    'a refused name, as another OpenSSL calls it': ['unhealthy', 'app.example.com no-certificate'],
    'any other error': ['unhealthy', 'app.example.com handshake-failed'],
    'no answer': ['unhealthy', 'app.example.com handshake-failed'],
    'several, all served; the first end counts': ['healthy'],
    'several, four without a certificate': [
      'healthy',
      'a.x no-certificate',
      'c.x no-certificate',
      'd.x no-certificate',
      'e.x no-certificate',
    ],
    'several, none with a certificate': ['unhealthy', 'a.x no-certificate', 'b.x no-certificate'],
    'several, one expired': ['unhealthy', 'b.x expired'],
    'several, one with the certificate of another': ['unhealthy', 'c.x wrong-certificate'],
    'several, a closed port': ['unhealthy', 'a.x not-listening', 'b.x not-listening'],
    'some of many': ['healthy'],
    'a start in which nothing has happened': ['starting', 'a.x no-certificate'],
    'a start that waits': ['starting', 'a.x no-certificate'],
    'a start while the provider is down': ['starting', 'a.x no-certificate'],
    'a start with rejected credentials': ['unhealthy', 'a.x no-certificate'],
    'a start whose next order is far away': ['unhealthy', 'a.x no-certificate'],
    'a start of ten minutes': ['unhealthy', 'a.x no-certificate'],
    'a start of fifteen minutes that waits for something with an end': ['starting', 'a.x no-certificate'],
    'a start with a certificate that had expired before': ['unhealthy', 'a.x expired'],
    'a start in which one of two names may come up without help': [
      'starting',
      'a.x no-certificate',
      'b.x no-certificate',
    ],
    'an expired certificate that is not served, beside a name that is': ['unhealthy', 'b.x expired'],
    'a certificate near its end that is not renewed': ['healthy', 'a.x ends-soon'],
  };
for (const [title, { handshakes, names, now, state }] of Object.entries<HealthCase>(healthCases)) {
  test(`health: ${title}`, () => {
    const health = judge(handshakes, { port: 443, runtimeDir: '/run/x', names, state }, now);
    const problems = health.problems.map(({ domain, kind }) => `${domain} ${kind}`);
    // The key is one of the cases.
    assert.deepEqual([health.status, ...problems], expected[title as keyof typeof healthCases]);
    assert.ok(health.sentence.startsWith(`${health.status}: `), health.sentence);
  });
}

test('of many names, each is checked in turn and the first always', () => {
  const names = Array.from({ length: 23 }, (_, index) => `n${index}`);
  const seen = new Set<string>();
  for (let turn = 0; turn < 6; turn += 1) {
    const chosen = sample(names, 5, new Date(turn * 30_000), 30_000);
    assert.deepEqual([chosen.length, new Set(chosen).size, chosen[0]], [5, 5, 'n0']);
    for (const name of chosen) seen.add(name);
  }
  assert.equal(seen.size, 23);
  assert.deepEqual(sample(names.slice(0, 5), 5, new Date(0), 30_000), names.slice(0, 5));
});
