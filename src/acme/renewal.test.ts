import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateFacts } from '../certificates/certificate.ts';
import { decideRenewal } from './renewal.ts';

const DAY = 86_400_000;
const start = new Date('2026-01-01T00:00:00Z');
const after = (days: number) => new Date(start.getTime() + days * DAY);
const lasting = (days: number): CertificateFacts => ({
  names: ['app.example.com'],
  serial: '01',
  fingerprint256: 'AA',
  issuer: 'CN=Test',
  notBefore: start,
  notAfter: after(days),
});

const table: [days: number, age: number, action: 'order' | 'keep'][] = [
  [90, 0, 'keep'],
  [90, 59.99, 'keep'],
  [90, 60, 'order'],
  [90, 89, 'order'],
  [90, 91, 'order'],
  [45, 29.9, 'keep'],
  [45, 30.1, 'order'],
  [6, 3.9, 'keep'],
  [6, 4.1, 'order'],
];
for (const [days, age, action] of table) {
  test(`a certificate of ${days} days is at ${age} days: ${action}`, () => {
    const decision = decideRenewal(lasting(days), undefined, after(age));
    assert.equal(decision.action, action);
    assert.ok(decision.reason.length > 10);
    if (decision.action === 'keep') assert.deepEqual(decision.until, after((days * 2) / 3));
  });
}

test('without a certificate, or with one that cannot be served, one is ordered', () => {
  assert.equal(decideRenewal(undefined, undefined, start).action, 'order');
  const decision = decideRenewal(lasting(90), 'it is for another name', start);
  assert.equal(decision.action, 'order');
  assert.match(decision.reason, /another name/);
});
