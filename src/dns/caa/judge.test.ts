import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CaaReason, type CaaRequest, judgeCaa } from './judge.ts';

const CA = 'ca1.example.net';
const ACCOUNT = 'https://ca1.example.net/account/1234';
const STAGING = 'https://staging.ca1.example.net/account/1';
const request: CaaRequest = { wildcard: false, issuers: [CA], accountUrls: [ACCOUNT], method: 'dns-01' };
const wildcard: CaaRequest = { ...request, wildcard: true };
const issue = (value: string) => `0 issue "${value}"`;
const wild = (value: string) => `0 issuewild "${value}"`;
const OURS = `${CA};validationmethods=dns-01;accounturi=${ACCOUNT}`;

/** The expected verdict: permitted, or the reason of each fault. */
type Verdict = 'permitted' | CaaReason[];
type Row = [title: string, set: string[], verdict: Verdict, request?: Partial<CaaRequest>];

const any: Row[] = [
  ['no record', [], 'permitted'],
  // RFC 8659 §4.2.
  ['the only CA', [issue(CA)], 'permitted'],
  ['one CA of two', [issue(CA), issue('ca2.example.org')], 'permitted'],
  ['the other CA of two', [issue('ca2.example.org'), issue(CA)], 'permitted'],
  ['a semicolon alone', [issue(';')], ['nobody']],
  ['a malformed value', [issue('%%%%%')], ['malformed']],
  ['an empty issuer and a CA', [issue(';'), issue(CA)], 'permitted'],
  ['a malformed value and a CA', [issue('%%%%%'), issue(CA)], 'permitted'],
  ['an account number of the CA', [issue(`${CA}; account=230123`)], 'permitted'],
  // RFC 8659 §4.3 and §4.4.
  ['reports only', ['0 iodef "mailto:security@example.com"'], 'permitted'],
  ['a CA and reports', [issue(CA), '0 iodef "https://iodef.example.com/"'], 'permitted'],
  ['an empty issuer and reports', [issue(';'), '0 iodef "https://iodef.example.com/"'], ['nobody']],
  // RFC 8659 §4.5.
  ['an unknown critical tag', [issue(`${CA}; policy=ev`), '128 tbs "Unknown"'], ['critical']],
  ['an unknown critical tag alone', ['128 tbs "Unknown"'], ['critical']],
  ['two unknown critical tags', ['128 tbs "1"', '128 tbt "2"'], ['critical', 'critical']],
  [
    'a critical tag, this CA and another',
    ['128 tbs "Unknown"', issue(CA), issue('ca2.example.org')],
    ['critical'],
  ],
  ['a critical tag and an empty issuer', ['128 tbs "Unknown"', issue(';')], ['critical', 'nobody']],
  ['an unknown tag', [issue(CA), '0 tbs "Unknown"'], 'permitted'],
  ['an unknown tag alone', ['0 tbs "Unknown"'], 'permitted'],
  ['a reserved flag at an unknown tag', ['1 tbs "Unknown"', '127 tbs "Unknown"'], 'permitted'],
  ['all flags at an unknown tag', ['255 tbs "Unknown"'], ['critical']],
  ['all flags at a known tag', [`255 issue "${CA}"`], 'permitted'],
  ['a critical issue of this CA', [`128 issue "${CA}"`], 'permitted'],
  ['a critical issue with an empty issuer', ['128 issue ";"'], ['nobody']],
  ['a critical issue of another CA', ['128 issue "ca2.example.org"'], ['other-issuer']],
  ['a tag with strange characters, critical', ['128 is_sue "x"'], ['critical']],
  ...['iodef', 'contactemail', 'contactphone', 'issuemail', 'issuevmc', 'IODEF', 'ContactEmail'].flatMap(
    (tag): Row[] => [
      [`${tag} with an empty issuer`, [`0 ${tag} ";"`], 'permitted'],
      [`critical ${tag}`, [`128 ${tag} "x"`, issue(CA)], 'permitted'],
    ],
  ),
  ['issuemail for this CA, issue with an empty issuer', [`0 issuemail "${CA}"`, issue(';')], ['nobody']],
  // Names and tags in any case, white space.
  ['an upper-case tag', [`0 ISSUE "${CA}"`, '0 Issue ";"'], 'permitted'],
  ['an upper-case tag with an empty issuer', ['0 ISSUE ";"'], ['nobody']],
  ['an upper-case issuer', [issue(CA.toUpperCase())], 'permitted'],
  ['a CA that writes itself in upper case', [issue(CA)], 'permitted', { issuers: ['CA1.Example.NET'] }],
  ['white space around the issuer', [issue(` \t${CA} \t`)], 'permitted'],
  ['a semicolon after the issuer', [issue(`${CA};`)], 'permitted'],
  ['a line break after the issuer', [issue(`${CA}\n`)], ['malformed']],
  ['an empty value', [issue('')], ['nobody']],
  ['white space only', [issue('  ')], ['nobody']],
  ['parameters of an empty issuer', [issue(`; accounturi=${ACCOUNT}`)], ['nobody']],
  // Which CA.
  ['another CA', [issue('ca2.example.org')], ['other-issuer']],
  ['two other CAs', [issue('ca2.example.org'), issue('ca3.example.org')], ['other-issuer', 'other-issuer']],
  ["a name below the CA's", [issue(`www.${CA}`)], ['other-issuer']],
  ["a name above the CA's", [issue('example.net')], ['other-issuer']],
  ["a name that ends as the CA's", [issue(`x${CA}`)], ['other-issuer']],
  ['the root after the issuer', [issue(`${CA}.`)], ['malformed']],
  ['two issuers in one record', [issue(`${CA} ca2.example.org`)], ['malformed']],
  ['two issuers with a comma', [issue(`${CA},ca2.example.org`)], ['malformed']],
  ["the CA's second name", [issue('ca2.example.org')], 'permitted', { issuers: [CA, 'ca2.example.org'] }],
  ['a CA without a name', [issue(CA)], ['other-issuer'], { issuers: [] }],
  // RFC 8657 §3.
  ['this account', [issue(`${CA}; accounturi=${ACCOUNT}`)], 'permitted'],
  ['what this program writes', [issue(OURS)], 'permitted'],
  ['another account', [issue(`${CA}; accounturi=${ACCOUNT}5`)], ['other-account']],
  ['the account of a dry run', [issue(OURS)], ['other-account'], { accountUrls: [STAGING] }],
  ['no account yet', [issue(OURS)], ['other-account'], { accountUrls: [] }],
  ['no account yet, any account', [issue(CA)], 'permitted', { accountUrls: [] }],
  ['the second URL of this account', [issue(OURS)], 'permitted', { accountUrls: [STAGING, ACCOUNT] }],
  [
    'two accounts, the second this one',
    [issue(`${CA}; accounturi=https://ca1.example.net/account/2345`), issue(`${CA}; accounturi=${ACCOUNT}`)],
    'permitted',
  ],
  [
    'another account, and any account',
    [issue(`${CA}; accounturi=https://ca1.example.net/account/2345`), issue(CA)],
    'permitted',
  ],
  ['this account at another CA', [issue(`ca2.example.org; accounturi=${ACCOUNT}`)], ['other-issuer']],
  ['the account in another case', [issue(`${CA}; accounturi=${ACCOUNT.toUpperCase()}`)], ['other-account']],
  ['the account and a slash', [issue(`${CA}; accounturi=${ACCOUNT}/`)], ['other-account']],
  ['an empty account', [issue(`${CA}; accounturi=`)], ['other-account']],
  ['the account twice', [issue(`${CA}; accounturi=${ACCOUNT}; accounturi=${ACCOUNT}`)], ['malformed']],
  ['the account without its tag', [issue(`${CA}; ${ACCOUNT}`)], ['malformed']],
  ['a space in the account', [issue(`${CA}; accounturi=${ACCOUNT} x`)], ['malformed']],
  // RFC 8657 §4.
  ['this method', [issue(`${CA}; validationmethods=dns-01`)], 'permitted'],
  ['this method of two', [issue(`${CA}; validationmethods=xyz-01,dns-01`)], 'permitted'],
  [
    'a record for each method',
    [issue(`${CA}; validationmethods=xyz-01`), issue(`${CA}; validationmethods=dns-01`)],
    'permitted',
  ],
  ["this method and a CA's own", [issue(`${CA}; validationmethods=dns-01,ca-foo`)], 'permitted'],
  ['another method', [issue(`${CA}; validationmethods=http-01`)], ['other-method']],
  ['two other methods', [issue(`${CA}; validationmethods=http-01,tls-alpn-01`)], ['other-method']],
  ['a longer method', [issue(`${CA}; validationmethods=dns-account-01`)], ['other-method']],
  ['the method in upper case', [issue(`${CA}; validationmethods=DNS-01`)], ['other-method']],
  ['no method', [issue(`${CA}; validationmethods=`)], ['other-method']],
  ['a comma after the methods', [issue(`${CA}; validationmethods=dns-01,`)], ['malformed']],
  ['a space between the methods', [issue(`${CA}; validationmethods=http-01, dns-01`)], ['malformed']],
  ['a quoted method', [issue(`${CA}; validationmethods="dns-01"`)], ['malformed']],
  ['methods twice', [issue(`${CA}; validationmethods=dns-01; validationmethods=dns-01`)], ['malformed']],
  [
    'this account with another method, another account with this one',
    [
      issue(`${CA}; accounturi=${ACCOUNT}; validationmethods=http-01`),
      issue(`${CA}; accounturi=${STAGING}; validationmethods=dns-01`),
    ],
    ['other-method', 'other-account'],
  ],
  // Unknown parameters.
  ['an unknown parameter', [issue(`${CA}; policy=ev; cansignhttpexchanges=yes`)], 'permitted'],
  ['a known parameter in another case', [issue(`${CA}; AccountURI=x`)], 'permitted'],
  ['a malformed parameter', [issue(`${CA}; policy`)], ['malformed']],
  ['one semicolon too many', [issue(`${OURS};`)], ['malformed']],
  // Values that are no property.
  ['no property', ['', 'nonsense', '0 issue ca2.example.org'], 'permitted'],
];

const namesOnly: Row[] = [
  ['a wildcard for another CA', [wild('ca2.example.org')], 'permitted'],
  ['a wildcard for no CA', [wild(';')], 'permitted'],
  ['a wildcard for this CA, names for another', [wild(CA), issue('ca2.example.org')], ['other-issuer']],
  ['a wildcard for another, names for this CA', [wild('ca2.example.org'), issue(CA)], 'permitted'],
  ['a malformed wildcard', [wild('%%%%%'), issue(CA)], 'permitted'],
];

const wildcardsOnly: Row[] = [
  ['a wildcard for this CA', [wild(CA)], 'permitted'],
  ['a wildcard for this account', [wild(OURS)], 'permitted'],
  ['a wildcard for another CA', [wild('ca2.example.org')], ['other-issuer']],
  ['a wildcard for no CA', [wild(';')], ['nobody']],
  ['a wildcard for this CA, names for another', [issue('ca2.example.org'), wild(CA)], 'permitted'],
  ['a wildcard for this CA, names for no CA', [issue(';'), wild(CA)], 'permitted'],
  ['a wildcard for another, names for this CA', [issue(CA), wild('ca2.example.org')], ['other-issuer']],
  ['a wildcard for no CA, names for this CA', [issue(CA), wild(';')], ['nobody']],
  ['a malformed wildcard, names for this CA', [issue(CA), wild('%%%%%')], ['malformed']],
  ['a wildcard for both', [wild('ca2.example.org'), wild(CA)], 'permitted'],
  ['an upper-case tag', ['0 IssueWild ";"', issue(CA)], ['nobody']],
  ['another method for wildcards', [wild(`${CA}; validationmethods=http-01`), issue(CA)], ['other-method']],
];

for (const [kind, base, rows] of [
  ['a name', request, [...any, ...namesOnly]],
  // Without issuewild, issue applies to wildcards as it does to names.
  ['a wildcard', wildcard, [...any, ...wildcardsOnly]],
] as const) {
  for (const [title, set, verdict, more] of rows) {
    test(`${kind} with ${title} is ${verdict === 'permitted' ? verdict : verdict.join(' and ')}`, () => {
      const refusal = judgeCaa(set, { ...base, ...more });
      const reasons = refusal?.faults.map(({ reason }) => reason);
      assert.deepEqual(reasons, verdict === 'permitted' ? undefined : verdict);
      // Each fault is that of a record of the set.
      for (const { record } of refusal?.faults ?? []) assert.ok(set.includes(record), record);
    });
  }
}

const fixes: [
  title: string,
  set: string[],
  request: CaaRequest,
  remove: string[],
  add: string | undefined,
][] = [
  ['a name', [issue(';')], request, [], issue(OURS)],
  ['a wildcard judged by issue', [issue(';')], wildcard, [], issue(OURS)],
  ['a wildcard judged by issuewild', [issue(CA), wild(';')], wildcard, [], wild(OURS)],
  [
    'an account that is not registered yet',
    [issue(';')],
    { ...request, accountUrls: [] },
    [],
    issue(`${CA};validationmethods=dns-01`),
  ],
  [
    'an account that is not registered yet, with the placeholder of a plan',
    [issue(';')],
    { ...request, accountUrls: ['(the-account-that-a-start-registers)'] },
    [],
    issue(`${CA};validationmethods=dns-01`),
  ],
  ['a CA without a name', [issue(';')], { ...request, issuers: [] }, [], undefined],
  ['a critical tag', [issue(CA), '128 tbs "x"'], request, ['128 tbs "x"'], undefined],
  ['a critical tag and another CA', ['128 tbs "x"', issue(';')], request, ['128 tbs "x"'], issue(OURS)],
];
for (const [title, set, wanted, remove, add] of fixes) {
  test(`for ${title} the refusal has the records to add and to remove`, () => {
    const refusal = judgeCaa(set, wanted);
    assert.deepEqual({ remove: refusal?.remove, add: refusal?.add }, { remove, add });
  });
}

const part = fc.constantFrom(
  ...['', CA, 'CA2.example.org', ';', ' ', '\t', '=', ',', '%', '"', '\n', 'é', 'http-01', 'dns-01', ACCOUNT],
  ...['accounturi=', 'validationmethods=', `accounturi=${ACCOUNT}`, 'validationmethods=dns-01', 'policy=ev'],
);
const value = fc.oneof(
  fc.array(part, { maxLength: 6 }).map((parts) => parts.join('')),
  fc.array(part, { maxLength: 4 }).map((parts) => parts.join(';')),
);
const record = (flags: readonly number[]) =>
  fc
    .tuple(
      fc.constantFrom(...flags),
      fc.constantFrom('issue', 'issuewild', 'ISSUE', 'iodef', 'issuemail', 'tbs'),
      value,
    )
    .map(([flag, tag, text]) => `${flag} ${tag} "${text}"`);
const anyRequest = fc.constantFrom(
  request,
  wildcard,
  { ...request, accountUrls: [] },
  { ...wildcard, issuers: [] },
);
const set = fc.array(record([0, 1, 127, 128, 255]), { maxLength: 5 });

test('any text can be judged', () => {
  const strange = fc.oneof(fc.string({ unit: 'binary' }), record([0, 128, 300]));
  fc.assert(
    fc.property(fc.array(strange), anyRequest, (texts, wanted) => {
      const refusal = judgeCaa(texts, wanted);
      assert.ok(refusal === undefined || refusal.faults.length > 0);
    }),
  );
});

test('the order of the records does not matter', () => {
  fc.assert(
    fc.property(set, anyRequest, (records, wanted) => {
      const permitted = judgeCaa(records, wanted) === undefined;
      assert.equal(judgeCaa(records.toReversed(), wanted) === undefined, permitted);
    }),
  );
});

test('adding a record that permits a request does not forbid it', () => {
  fc.assert(
    fc.property(set, record([0, 1, 127]), anyRequest, (records, further, wanted) => {
      fc.pre(judgeCaa(records, wanted) === undefined && judgeCaa([further], wanted) === undefined);
      assert.equal(judgeCaa([...records, further], wanted), undefined);
    }),
    { numRuns: 1000 },
  );
});

test('the advised changes permit the request', () => {
  fc.assert(
    fc.property(set, anyRequest, (records, wanted) => {
      const refusal = judgeCaa(records, wanted);
      fc.pre(refusal !== undefined && wanted.issuers.length > 0);
      const left = records.filter((text) => !refusal.remove.includes(text));
      assert.equal(judgeCaa(refusal.add === undefined ? left : [...left, refusal.add], wanted), undefined);
    }),
    { numRuns: 1000 },
  );
});
