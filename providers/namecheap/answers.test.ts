import assert from 'node:assert/strict';
import { test } from 'node:test';
import { envelope, gotHosts } from './answers.ts';
import { registrableDomain } from './suffix.ts';
import { parseXml } from './xml.ts';

const WHOLE = `<?xml version="1.0" encoding="utf-8"?>
<ApiResponse Status="OK" xmlns="http://api.namecheap.com/xml.response">
  <Errors />
  <CommandResponse Type="namecheap.domains.dns.getHosts">
    <DomainDNSGetHostsResult Domain="example.com" EmailType="MX" IsUsingOurDNS="true">
      <host HostId="1" Name="@" Type="TXT" Address=" 007 &amp;amp; &#34;a&quot; &lt;&#xE9;&gt; " TTL="1799" />
    </DomainDNSGetHostsResult>
  </CommandResponse>
</ApiResponse>`;

function hostsOf(text: string) {
  const frame = envelope.safeParse(parseXml(text));
  const parsed = gotHosts.safeParse(frame.data?.ApiResponse.CommandResponse);
  return parsed.data?.DomainDNSGetHostsResult.host;
}

test('values are read as text, unchanged', () => {
  assert.equal(hostsOf(WHOLE)?.[0]?.['@Address'], ' 007 &amp; "a" <é> ');
});

test('one host, several and none are read as a list', () => {
  const line = WHOLE.split('\n').find((text) => text.includes('<host')) ?? '';
  assert.equal(hostsOf(WHOLE)?.length, 1);
  assert.equal(hostsOf(WHOLE.replace(line, `${line}\n${line}`))?.length, 2);
  assert.equal(hostsOf(WHOLE.replace(line, '')), undefined);
  assert.ok(
    gotHosts.safeParse(envelope.parse(parseXml(WHOLE.replace(line, ''))).ApiResponse.CommandResponse).success,
  );
});

test('a truncated document is not parsed', () => {
  for (let length = 0; length < WHOLE.length - 1; length += 1) {
    assert.equal(parseXml(WHOLE.slice(0, length)), undefined, String(length));
  }
});

for (const text of [
  '',
  '{"a":1}',
  '<a><b></a>',
  '<a></a><b>',
  '<!DOCTYPE a [<!ENTITY x "y">]><a b="&x;"/>',
]) {
  test(`${text || 'nothing'} is not accepted as XML`, () => assert.equal(parseXml(text), undefined));
}

const domains: readonly (readonly [name: string, domain: string | undefined, tld?: string])[] = [
  ['app.example.com', 'example.com', 'com'],
  ['_acme-challenge.app.example.co.uk', 'example.co.uk', 'co.uk'],
  ['*.example.com', 'example.com', 'com'],
  // To a registry, a private suffix is a domain like any other.
  ['app.sub.example.us.to', 'us.to', 'to'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example', 'example'],
  ['com', undefined],
  ['co.uk', undefined],
];
for (const [name, domain, tld] of domains) {
  test(`the registrable domain of ${name} is ${domain}`, () => {
    const parts = registrableDomain(name);
    assert.equal(parts?.domain, domain);
    assert.equal(parts?.tld, tld);
    if (parts) assert.equal(`${parts.sld}.${parts.tld}`, domain);
  });
}
