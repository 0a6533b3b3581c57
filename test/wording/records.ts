import { chooseAlias } from '../../src/records/alias.ts';
import { desiredRecords } from '../../src/records/desired.ts';
import { type GatewayFinding, gatewayFault } from '../../src/records/gateway-fault.ts';
import { challengeAliasFault, recordsOfName } from '../../src/records/name-records.ts';
import {
  type AddressMode,
  decideAllOwnerships,
  type Ownership,
  ownerChanges,
} from '../../src/records/ownership.ts';
import { plan } from '../../src/records/plan.ts';
import { cnameFault } from '../../src/records/zone-plan.ts';
import type { WordingRow } from './row.ts';

const NAME = 'app.example.com';
const at = (type: string, value: string) => ({ name: NAME, type, value, ttl: 60 });

const ACCOUNTS = ['https://ca.example/acct/1', 'https://ca.example/acct/2'];
const wanted = { domain: NAME, alias: { target: 'gw.example.net' }, appId: 'bb', port: 443, txtPrefix: 'p' };
const desiredBy = (accountUrls: readonly string[]) =>
  desiredRecords(
    { ...wanted, caa: accountUrls.map((accountUrl) => ({ issuer: 'ca.example', accountUrl })) },
    (seconds) => seconds,
  );
const ofOther = at('CAA', '0 issue "ca.example;accounturi=https://ca.example/acct/9"');

const planRows: readonly (readonly [
  when: string,
  caa: string,
  ownership: Ownership,
  accounts: number,
  message: string,
])[] = [
  [
    'the CAA record of another account stays',
    ofOther.value,
    'retain',
    1,
    'app.example.com CAA 0 issue "ca.example;accounturi=https://ca.example/acct/9" stays: another account may issue too, which a second container for this name needs',
  ],
  [
    'the CAA record of another CA stays',
    '0 issue "other.example"',
    'claim',
    1,
    'app.example.com CAA 0 issue "other.example" stays: it still permits other.example to issue for app.example.com and names below it',
  ],
  [
    'a CAA record for wildcards stays',
    '0 issuewild "ca.example"',
    'claim',
    1,
    'app.example.com CAA 0 issuewild "ca.example" stays: it still permits ca.example to issue wildcards for *.app.example.com',
  ],
  [
    'a CAA record that permits no CA stays',
    '0 issue ";"',
    'claim',
    1,
    'app.example.com CAA 0 issue ";" stays: it permits no CA to issue for app.example.com and names below it',
  ],
  [
    'a CAA record with another tag stays',
    '0 iodef "mailto:a@example.com"',
    'claim',
    1,
    'app.example.com CAA 0 iodef "mailto:a@example.com" stays: its tag permits no CA to issue',
  ],
  ['a malformed CAA record stays', '?', 'claim', 1, 'app.example.com CAA ? stays: its value is malformed'],
  [
    'a CAA record without an account is replaced',
    '0 issue "ca.example"',
    'claim',
    1,
    'app.example.com CAA 0 issue "ca.example" is replaced: only this account may now issue for app.example.com and names below it',
  ],
  [
    'the same for two accounts',
    '0 issue "ca.example"',
    'claim',
    2,
    'app.example.com CAA 0 issue "ca.example" is replaced: only these accounts may now issue for app.example.com and names below it',
  ],
];

const ownerOf = (mode: AddressMode, other: string | undefined, before: string | undefined) => () => {
  const current = other === undefined ? [] : [{ name: `p.${NAME}`, type: 'TXT', value: other, ttl: 60 }];
  const decisions = decideAllOwnerships(desiredBy([]), current, { mode, claimed: new Set([NAME]) });
  return ownerChanges(decisions, new Map(before === undefined ? [] : [[NAME, before]]))[0]?.sentence;
};

const finding: GatewayFinding = {
  gatewayDomain: '_.clutser.example',
  addresses: [],
  failure: undefined,
  injected: undefined,
  injectedAddresses: undefined,
  names: [NAME],
  aliases: [at('CNAME', '_.clutser.example')],
};
const dstack = { injected: 'cluster.example', injectedAddresses: ['192.0.2.9'] };
const DASHBOARD =
  'Set it to _. and the base domain of your gateway: the dashboard of the cloud shows it, a gateway of your own has it in its configuration, and dstack passes it to the app as DSTACK_GATEWAY_DOMAIN';
const gatewayRows: readonly (readonly [when: string, more: Partial<GatewayFinding>, message: string])[] = [
  [
    'has no address',
    {},
    `GATEWAY_DOMAIN: _.clutser.example has no address in the public DNS, so no client reaches app.example.com through the published records (app.example.com CNAME _.clutser.example). ${DASHBOARD}`,
  ],
  [
    'has no address, of several names',
    { names: ['a.example', 'b.example', 'c.example'], aliases: [...finding.aliases, ...finding.aliases] },
    `GATEWAY_DOMAIN: _.clutser.example has no address in the public DNS, so no client reaches a.example and 2 more through the published records (app.example.com CNAME _.clutser.example and 1 more like it). ${DASHBOARD}`,
  ],
  [
    'has no address, and no record is published',
    { aliases: [] },
    `GATEWAY_DOMAIN: _.clutser.example has no address in the public DNS, so no client reaches app.example.com. ${DASHBOARD}`,
  ],
  [
    'has no address, and dstack names another gateway',
    { ...dstack, aliases: [] },
    'GATEWAY_DOMAIN: _.clutser.example has no address in the public DNS, so no client reaches app.example.com. Leave GATEWAY_DOMAIN out, or set it to _.cluster.example',
  ],
  [
    'has no address, and dstack names the same gateway',
    { injected: 'clutser.example', aliases: [] },
    `GATEWAY_DOMAIN: _.clutser.example has no address in the public DNS, so no client reaches app.example.com. ${DASHBOARD}`,
  ],
  [
    'could not be looked up',
    { addresses: undefined, failure: 'SERVFAIL', aliases: [] },
    'GATEWAY_DOMAIN: _.clutser.example could not be looked up (SERVFAIL). If it has no address, no client reaches app.example.com. The next reconciliation looks it up again',
  ],
  [
    'is another gateway than dstack names',
    { ...dstack, addresses: ['192.0.2.1'] },
    'GATEWAY_DOMAIN: _.clutser.example resolves to 192.0.2.1, but the gateway of this cluster is cluster.example (DSTACK_GATEWAY_DOMAIN) at 192.0.2.9: requests for app.example.com probably go to the wrong gateway through the published records (app.example.com CNAME _.clutser.example). Leave GATEWAY_DOMAIN out, or set it to _.cluster.example',
  ],
];

const capabilities = {
  normalizeTtl: (seconds: number) => seconds,
  ...{ cnameBesideOthers: false, flattensApexCname: false, servesUnderscoreTargets: false },
  ...{ sharesTtl: false, rewritesZone: false, propagationSeconds: 60 },
};
const place = {
  domain: NAME,
  target: 'gw.example.net',
  apex: 'example.com',
  caaName: undefined,
  current: [],
};
const aliasRows = [
  ['the name is an apex', { apex: NAME }, 'the name is the apex of its zone'],
  ['the name gets CAA', { caaName: NAME }, 'the name gets a CAA record, which a CNAME excludes'],
  [
    'the name has other records',
    { current: [at('MX', '10 mx.example.com')] },
    'the name has a record of type MX, which a CNAME excludes',
  ],
  [
    'the target has an underscore',
    { target: '_.example.net' },
    'the provider serves no CNAME whose target starts with an underscore',
  ],
] as const;

/** The records of a name that needs the gateway's addresses. */
function byAddress(addresses: readonly string[] | undefined, published: readonly string[]) {
  const gatewayDomain = 'gw.example.net';
  const gateway = {
    ...{ gatewayDomain, configured: addresses, friendly: undefined, injected: undefined },
    ...{ failure: undefined, addresses: addresses && { ipv4: [...addresses], ipv6: [] } },
  };
  const spec = { gatewayDomain, port: 443, txtPrefix: 'p', setCaa: true };
  const ours = [{ name: `p.${NAME}`, type: 'TXT', value: 'bb:443', ttl: 60 }];
  return recordsOfName(
    { domain: NAME, apex: 'example.com', certified: true },
    [...ours, ...published.map((value) => at('A', value))],
    { appId: 'bb', gateway, caa: [] },
    { spec, capabilities },
  );
}

export const rows: readonly WordingRow[] = [
  ...planRows.map(([when, caa, ownership, accounts, message]) => ({
    when,
    say: () =>
      plan(desiredBy(ACCOUNTS.slice(0, accounts)), [at('CAA', caa)], undefined, () => ownership).warnings[0],
    message,
  })),
  {
    when: "another container's CNAME excludes a CAA record",
    say: () =>
      plan(
        desiredBy(ACCOUNTS.slice(0, 1)),
        [at('CNAME', 'gw.other.net')],
        { sharesTtl: false, cnameBesideOthers: false },
        () => 'yield',
      ).warnings[0],
    message:
      'app.example.com CAA 0 issue "ca.example;validationmethods=dns-01;accounturi=https://ca.example/acct/1" is not published: the CNAME of another container at the same name excludes other records',
  },
  {
    when: 'another container takes a name',
    say: ownerOf('claim', 'aa:443', undefined),
    message:
      'another container has taken app.example.com (p.app.example.com TXT aa:443); this container leaves the app-address and the alias of the name unchanged until that record is gone. Stop one of the two; restart this container to take the name back; set APP_ADDRESS_MODE=hold on a standby.',
  },
  {
    when: 'another container owns the name of a standby',
    say: ownerOf('hold', 'aa:443', undefined),
    message:
      'another container owns app.example.com (p.app.example.com TXT aa:443); this standby (APP_ADDRESS_MODE=hold) leaves the app-address and the alias of the name unchanged until that record is gone. To hand the name over, stop the other container and remove that record.',
  },
  {
    when: 'the other owner of a name is gone',
    say: ownerOf('claim', undefined, 'aa:443'),
    message:
      'no other container owns app.example.com any longer (aa:443 is gone); this container manages its records again',
  },
  ...gatewayRows.map(([when, more, message]) => ({
    when: `GATEWAY_DOMAIN ${when}`,
    say: () => gatewayFault({ ...finding, ...more }),
    message,
  })),
  ...aliasRows.map(([when, more, message]) => ({
    when: `no CNAME: ${when}`,
    say: () => {
      const alias = chooseAlias({ ...place, ...more }, capabilities);
      return alias.kind === 'addresses' ? alias.why : undefined;
    },
    message,
  })),
  {
    when: 'a name gets addresses instead of a CNAME',
    say: () => byAddress(['192.0.2.1'], []).warnings[0],
    message:
      'app.example.com gets the addresses of gw.example.net instead of a CNAME, because the name gets a CAA record, which a CNAME excludes; every reconciliation looks them up again',
  },
  {
    when: 'the published addresses stay',
    say: () => byAddress([], ['192.0.2.1']).warnings[0],
    message:
      'the gateway gw.example.net has no known address; the published addresses of app.example.com stay',
  },
  {
    when: 'the gateway has no address',
    say: () => byAddress([], []).unreachable,
    message: 'the gateway gw.example.net has no address, so no record can point app.example.com to it',
    hint: 'Check GATEWAY_DOMAIN: the dashboard of the cloud shows the base domain of its gateway.',
  },
  {
    when: 'the addresses of the gateway are unknown',
    say: () => byAddress(undefined, []).refused,
    message: 'the gateway gw.example.net could not be looked up',
    hint: "Check GATEWAY_DOMAIN. app.example.com gets the gateway's addresses instead of a CNAME, because the name gets a CAA record, which a CNAME excludes.",
  },
  {
    when: 'a CNAME excludes the records of a name',
    say: () => cnameFault(at('CNAME', 'x.example.net')),
    message:
      'app.example.com CNAME x.example.net excludes every other record at its name and is not ours to remove',
    hint: 'Remove the CNAME at app.example.com if nothing needs it.',
  },
  {
    when: 'the challenge name is an alias',
    say: () =>
      challengeAliasFault(NAME, [
        { name: `_acme-challenge.${NAME}`, type: 'CNAME', value: 'x.example.org', ttl: 60 },
      ]),
    message: '_acme-challenge.app.example.com is an alias of x.example.org',
  },
];
