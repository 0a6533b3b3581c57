import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doesNotAnswer, pointsToIngress } from './messages.ts';

const loopback = [
  'localhost',
  'app.localhost',
  'ip6-localhost',
  '127.0.0.1',
  '127.1.2.3',
  '::1',
  '::ffff:127.0.0.1',
];
for (const host of loopback)
  test(`${host} is the ingress itself, but only in a container`, () => {
    assert.ok(pointsToIngress({ host, port: 80 }, true));
    assert.equal(pointsToIngress({ host, port: 80 }, false), undefined);
    const reasons = new Map([[host, 'ECONNREFUSED']]);
    const advice = (inContainer: boolean) => doesNotAnswer({ host, port: 80 }, reasons, inContainer);
    assert.notEqual(advice(true), advice(false));
  });

for (const host of ['app', 'localhost.example', '10.0.0.1', '::2', '128.0.0.1'])
  test(`${host} is not the ingress itself`, () => {
    assert.equal(pointsToIngress({ host, port: 80 }, true), undefined);
  });
