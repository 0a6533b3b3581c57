import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registeredDomain } from './registered-domain.ts';

test('the registered domain is what stands below a public suffix', () => {
  const answers: Readonly<Record<string, string>> = {
    'example.com': 'example.com',
    'a.b.example.com': 'example.com',
    '*.example.com': 'example.com',
    '*.a.example.co.uk': 'example.co.uk',
    'app.example.test': 'example.test',
  };
  for (const [name, domain] of Object.entries(answers)) assert.equal(registeredDomain(name), domain, name);
});

test('those who give names to others stand in the list too', () => {
  assert.equal(registeredDomain('app.somebody.github.io'), 'somebody.github.io');
});

test('a public suffix, or a name that is none, stands for itself', () => {
  for (const name of ['github.io', 'co.uk', 'localhost']) assert.equal(registeredDomain(name), name);
  assert.equal(registeredDomain('*.co.uk'), 'co.uk');
});
