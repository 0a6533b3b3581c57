import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registeredDomain } from './registered-domain.ts';

test('the registered domain is the label below a public suffix, with the suffix', () => {
  const answers: Readonly<Record<string, string>> = {
    'example.com': 'example.com',
    'a.b.example.com': 'example.com',
    '*.example.com': 'example.com',
    '*.a.example.co.uk': 'example.co.uk',
    'app.example.test': 'example.test',
  };
  for (const [name, domain] of Object.entries(answers)) assert.equal(registeredDomain(name), domain, name);
});

test('suffixes in the private section of the list count', () => {
  assert.equal(registeredDomain('app.somebody.github.io'), 'somebody.github.io');
});

test('a public suffix, or a name without one, is its own registered domain', () => {
  for (const name of ['github.io', 'co.uk', 'localhost']) assert.equal(registeredDomain(name), name);
  assert.equal(registeredDomain('*.co.uk'), 'co.uk');
});
