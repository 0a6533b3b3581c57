import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeForm, formLines, setHostsForm } from './hosts.ts';

const parts = { domain: 'example.co.uk', sld: 'example', tld: 'co.uk' };
const hosts = [
  { name: '@', type: 'TXT', address: ' a+b & 100% "é"\n', mxPref: undefined, ttl: '60' },
  { name: '*', type: 'MX', address: 'mx.example.net.', mxPref: '20', ttl: '1799' },
];
const form = setHostsForm(parts, 'MX', hosts);

test('every host is numbered, with all of its fields', () => {
  assert.deepEqual(Object.fromEntries(form), {
    Command: 'namecheap.domains.dns.setHosts',
    SLD: 'example',
    TLD: 'co.uk',
    EmailType: 'MX',
    HostName1: '@',
    RecordType1: 'TXT',
    Address1: ' a+b & 100% "é"\n',
    TTL1: '60',
    HostName2: '*',
    RecordType2: 'MX',
    Address2: 'mx.example.net.',
    MXPref2: '20',
    TTL2: '1799',
  });
});

test('an encoded form is decoded to the same fields', () => {
  assert.deepEqual([...new URLSearchParams(encodeForm(form))], form);
});

test('the lines of a form without their line breaks are the form', () => {
  const lines = formLines(form);
  assert.equal(lines.replaceAll('\n', ''), encodeForm(form));
  assert.equal(lines.split('\n').length, form.length + 1);
});
