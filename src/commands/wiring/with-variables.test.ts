import assert from 'node:assert/strict';
import { test } from 'node:test';
import { servedNames } from '../../config/served-names.ts';
import { type DnsProvider, NAME_IN_DOUBT } from '../../dns/provider.ts';
import { IngressError } from '../../errors.ts';
import { withVariables } from './with-variables.ts';

const never = new AbortController().signal;
const served = servedNames({
  domain: 'app.exmaple.com',
  aliasDomains: ['www.exmaple.com'],
  domains: ['*.exmaple.org'],
  routingMap: new Map([
    ['api.exmaple.com', { scheme: 'tcp', host: 'api', port: 80, ignoredPath: undefined } as const],
  ]),
});

function failing(details: Readonly<Record<string, unknown>>): DnsProvider {
  const fail = () =>
    Promise.reject(new IngressError('ZONE_NOT_FOUND', 'there is none', { hint: 'Add it.', details }));
  const capabilities = {
    ...{ normalizeTtl: (ttl: number) => ttl, cnameBesideOthers: false, flattensApexCname: false },
    ...{ servesUnderscoreTargets: false, sharesTtl: false, rewritesZone: false, propagationSeconds: 1 },
  };
  return { name: 'failing', capabilities, zone: fail, records: fail, apply: fail, check: fail };
}

async function hintFor(fqdn: string, details: Readonly<Record<string, unknown>>): Promise<string> {
  const thrown: unknown = await withVariables(failing(details), served)
    .zone(fqdn, never)
    .catch((reason: unknown) => reason);
  assert.ok(thrown instanceof IngressError && thrown.code === 'ZONE_NOT_FOUND');
  assert.equal(thrown.details['nameInDoubt'], undefined);
  return thrown.hint;
}

const variables: [fqdn: string, hint: string][] = [
  ['app.exmaple.com', 'Check DOMAIN: is app.exmaple.com correct? Add it.'],
  ['www.exmaple.com', 'Check ALIAS_DOMAIN: is www.exmaple.com correct? Add it.'],
  ['exmaple.org', 'Check DOMAINS: is *.exmaple.org correct? Add it.'],
  ['api.exmaple.com', 'Check ROUTING_MAP: is api.exmaple.com correct? Add it.'],
];
for (const [fqdn, hint] of variables) {
  test(`the hint that no zone has ${fqdn} starts with the variable that names it`, async () => {
    assert.equal(await hintFor(fqdn, NAME_IN_DOUBT), hint);
  });
}

test('an error without a name in doubt is unchanged', async () => {
  assert.equal(await hintFor('app.exmaple.com', {}), 'Add it.');
});
