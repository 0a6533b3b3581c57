import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { faultsOf, GOOD, kindsOf, load } from '../../test/harness/config.ts';
import { boundInterval } from './config.ts';
import { ConfigError, describeFaults, type FaultKind } from './faults.ts';
import { describeConfigWarning } from './warnings.ts';

test('a good environment gives values and defaults', () => {
  const config = load(GOOD);
  assert.equal(config.domain, 'app.example.com');
  assert.deepEqual(config.names, ['app.example.com']);
  assert.deepEqual(config.appTls, { verify: true });
  assert.deepEqual(config.targetEndpoint, { scheme: 'tcp', host: 'app', port: 80, ignoredPath: undefined });
  assert.equal(config.port, 443);
  assert.equal(config.maxconn, 4096);
  assert.equal(config.timeoutClient, 86_400_000);
  assert.equal(config.directoryUrl, 'https://acme-v02.api.letsencrypt.org/directory');
  assert.equal(config.provider.name, 'alpha');
  assert.deepEqual(config.certificates, [{ names: ['app.example.com'] }]);
  assert.deepEqual(config.authorities, { primary: { directoryUrl: config.directoryUrl } });
  assert.equal(config.usesStaging, false);
  assert.equal(config.renewInterval, 3600);
  assert.equal(config.appAddressMode, 'claim');
  assert.deepEqual(config.warnings, []);
});

const wrong: [variable: string, value: string, kind: FaultKind][] = [
  ['DOMAIN', 'localhost', 'not-a-domain-name'],
  ['DOMAIN', 'app.example.com\nevil', 'not-a-domain-name'],
  ['DOMAIN', '"app.example.com"', 'not-a-domain-name'],
  ['DOMAIN', 'app example.com', 'not-a-domain-name'],
  ['DOMAIN', '-app.example.com', 'not-a-domain-name'],
  ['DOMAIN', 'a..example.com', 'not-a-domain-name'],
  ['DOMAIN', '*.*.example.com', 'not-a-domain-name'],
  ['DOMAIN', '1.2.3.4', 'not-a-domain-name'],
  ['DOMAIN', 'app%2eexample.com', 'not-a-domain-name'],
  ['DOMAIN', 'xn--\u0000.example.com', 'not-a-domain-name'],
  ['DOMAIN', 'xn--zzzzzzz99999999.example.com', 'not-a-domain-name'],
  ['DOMAIN', `${'a'.repeat(64)}.example.com`, 'not-a-domain-name'],
  ['DOMAIN', `${'a.'.repeat(120)}example.com`, 'too-long'],
  ['TARGET_ENDPOINT', 'app', 'out-of-range'],
  ['TARGET_ENDPOINT', 'app:0', 'out-of-range'],
  ['TARGET_ENDPOINT', 'app:65536', 'out-of-range'],
  ['TARGET_ENDPOINT', 'app:80 check', 'not-an-endpoint'],
  ['TARGET_ENDPOINT', 'app:80\n  server evil 1.2.3.4:80', 'not-an-endpoint'],
  ['TARGET_ENDPOINT', '"app":80', 'not-an-endpoint'],
  ['TARGET_ENDPOINT', '300.1.1.1:80', 'not-an-endpoint'],
  ['TARGET_ENDPOINT', '0.0.0.0:80', 'not-an-endpoint'],
  ['TARGET_ENDPOINT', '[::]:80', 'not-an-endpoint'],
  ['TARGET_ENDPOINT', '[fe80::1%eth0]:80', 'not-an-endpoint'],
  ['TARGET_ENDPOINT', 'ftp://app:80', 'unknown-scheme'],
  ['TARGET_ENDPOINT', 'https://10.0.0.1', 'unverifiable'],
  ['TARGET_ENDPOINT', 'grpcs://[::1]:443', 'unverifiable'],
  ['TARGET_ENDPOINT', 'grpcs://app', 'out-of-range'],
  ['TARGET_ENDPOINT', 'grpc://app', 'out-of-range'],
  ['TARGET_ENDPOINT', 'user@app:80', 'contains-credentials'],
  ['DOMAINS', 'app.example.com; api.example.com', 'not-a-domain-name'],
  ['DOMAINS', 'app.example.com\nlocalhost', 'not-a-domain-name'],
  ['DOMAINS', '*', 'not-a-domain-name'],
  ['ROUTING_MAP', 'api.example.com', 'not-an-entry'],
  ['ROUTING_MAP', 'api.example.com app:80', 'not-an-entry'],
  ['ROUTING_MAP', 'api.example.com=', 'not-an-endpoint'],
  ['ROUTING_MAP', '=app:80', 'not-a-domain-name'],
  ['ROUTING_MAP', 'localhost=app:80', 'not-a-domain-name'],
  ['ROUTING_MAP', 'api.example.com=app', 'out-of-range'],
  ['ROUTING_MAP', 'api.example.com=app:80\n  server evil 1.2.3.4:80', 'not-an-entry'],
  ['ROUTING_MAP', 'api.example.com=https://10.0.0.1', 'unverifiable'],
  ['ROUTING_MAP', 'api.example.com=a:80, API.example.com=b:80', 'duplicate'],
  ['ALIAS_DOMAIN', 'localhost', 'not-a-domain-name'],
  ['CERT_GROUPS', 'localhost', 'not-a-domain-name'],
  ['CERT_GROUPS', 'a.example.com; app.example.com a.example.com', 'duplicate'],
  ['CERT_GROUPS', Array.from({ length: 101 }, (_, index) => `n${index}.example.com`).join(), 'too-many'],
  ['APP_ADDRESS_MODE', 'standby', 'unknown-value'],
  ['PROXY_MODE', 'http', 'unknown-value'],
  ['EVIDENCE_SERVER', 'maybe', 'unknown-value'],
  ['ACCEPT_PROXY_PROTOCOL', 'v2', 'unknown-value'],
  ['SEND_PROXY_PROTOCOL', 'v3', 'unknown-value'],
  ['TARGET_TLS_VERIFY', 'none', 'unknown-value'],
  ['TARGET_CA_FILE', 'ca.pem', 'malformed'],
  ['TARGET_CA_FILE', '/with space', 'malformed'],
  ['KEY_TYPE', 'ed25519', 'unknown-value'],
  ['GATEWAY_DOMAIN', 'https://gateway.example.net', 'not-a-domain-name'],
  ['ACME_EMAIL', 'ops@example.com, x@example.com', 'malformed'],
  ['SET_CAA', 'maybe', 'unknown-value'],
  ['DNS_PROVIDER', 'gamma', 'unknown-value'],
  ['PORT', '0', 'out-of-range'],
  ['PORT', '443abc', 'not-a-number'],
  ['PORT', '   -1', 'out-of-range'],
  ['TXT_PREFIX', '_a.b', 'malformed'],
  ['APP_ID', 'not-hex', 'malformed'],
  ['ALPN', 'h2 http/1.1', 'malformed'],
  ['ALPN', 'h2,', 'malformed'],
  ['ALPN', 'h2,,http/1.1', 'malformed'],
  ['ALPN', 'H2', 'malformed'],
  ['ALPN', 'h2c', 'unknown-value'],
  ['ALPN', 'http/2', 'unknown-value'],
  ['ALPN', 'http1.1', 'unknown-value'],
  ['ALPN', 'h2,h2', 'duplicate'],
  ['ALPN', 'h2\n  bind :80', 'malformed'],
  ['ALPN', 'é', 'malformed'],
  ['ALPN', Array.from({ length: 17 }, (_, index) => `p${index}`).join(), 'too-many'],
  ['MAXCONN', '0', 'out-of-range'],
  ['MAXCONN', '1e3', 'not-a-number'],
  ['TIMEOUT_CLIENT', '30', 'not-a-number'],
  ['TIMEOUT_CLIENT', '25d', 'out-of-range'],
  ['TIMEOUT_CLIENT', '0s', 'out-of-range'],
  ['TIMEOUT_SERVER', '10s\n'.repeat(2), 'not-a-number'],
  ['ACME_DIRECTORY_URL', 'ftp://ca/directory', 'not-a-url'],
  ['ACME_FALLBACK_DIRECTORY_URL', 'https://acme-v02.api.letsencrypt.org/directory/', 'conflicting'],
  ['DNS_RESOLVERS', '1.1.1.1,resolver.example.com', 'not-an-address'],
  ['DNS_RESOLVERS', '1.1.1.1:99999', 'not-an-address'],
  ['LETSENCRYPT_DIR', 'relative/path', 'malformed'],
  ['RUNTIME_DIR', '/run/with space', 'malformed'],
  ['RUNTIME_DIR', `/run/${'x'.repeat(90)}`, 'too-long'],
  ['LOG_LEVEL', 'loud', 'unknown-value'],
];
for (const [variable, value, kind] of wrong) {
  test(`${variable}=${JSON.stringify(value).slice(0, 50)}: ${kind}`, () => {
    const faults = faultsOf({ ...GOOD, [variable]: value });
    assert.deepEqual(kindsOf(faults), [`${variable} ${kind}`]);
    assert.ok(faults[0]?.fix);
  });
}

const right: [variable: string, value: string, key: string, expected: unknown][] = [
  ['DOMAIN', 'APP.Example.COM.', 'domain', 'app.example.com'],
  ['DOMAIN', '*.example.com', 'domain', '*.example.com'],
  ['DOMAIN', ' app.example.com\n', 'domain', 'app.example.com'],
  ['DOMAIN', 'bücher.example', 'domain', 'xn--bcher-kva.example'],
  ['DOMAIN', '\u0430pple.com', 'domain', 'xn--pple-43d.com'],
  [
    'TARGET_ENDPOINT',
    'http://app',
    'targetEndpoint',
    { scheme: 'http', host: 'app', port: 80, ignoredPath: undefined },
  ],
  [
    'TARGET_ENDPOINT',
    'grpc://my_app:50051',
    'targetEndpoint',
    { scheme: 'grpc', host: 'my_app', port: 50051, ignoredPath: undefined },
  ],
  [
    'TARGET_ENDPOINT',
    '[::1]:8080',
    'targetEndpoint',
    { scheme: 'tcp', host: '::1', port: 8080, ignoredPath: undefined },
  ],
  [
    'TARGET_ENDPOINT',
    'tcp://10.0.0.1:22',
    'targetEndpoint',
    { scheme: 'tcp', host: '10.0.0.1', port: 22, ignoredPath: undefined },
  ],
  ['ALPN', 'h2, http/1.1', 'alpn', ['h2', 'http/1.1']],
  [
    'TARGET_ENDPOINT',
    'https://app',
    'targetEndpoint',
    { scheme: 'https', host: 'app', port: 443, ignoredPath: undefined },
  ],
  [
    'TARGET_ENDPOINT',
    'grpcs://app:50051',
    'targetEndpoint',
    { scheme: 'grpcs', host: 'app', port: 50051, ignoredPath: undefined },
  ],
  ['PROXY_MODE', 'TCP', 'proxyMode', 'tcp'],
  ['EVIDENCE_SERVER', 'no', 'evidenceServer', false],
  ['ACCEPT_PROXY_PROTOCOL', 'true', 'acceptProxyProtocol', true],
  ['SEND_PROXY_PROTOCOL', 'false', 'sendProxyProtocol', 'off'],
  ['SEND_PROXY_PROTOCOL', 'V1', 'sendProxyProtocol', 'v1'],
  ['SEND_PROXY_PROTOCOL', 'true', 'sendProxyProtocol', 'v2'],
  ['KEY_TYPE', 'RSA', 'keyType', 'rsa'],
  ['SET_CAA', 'TRUE', 'setCaa', true],
  ['TIMEOUT_CONNECT', '500us', 'timeoutConnect', 1],
  ['TIMEOUT_CONNECT', '2m', 'timeoutConnect', 120_000],
  ['CERTBOT_EMAIL', 'ops@example.com', 'email', 'ops@example.com'],
  ['DSTACK_APP_ID', 'A'.repeat(40), 'appId', 'a'.repeat(40)],
  [
    'DNS_RESOLVERS',
    '1.1.1.1, [2606:4700::1]:5353,::1',
    'resolvers',
    [
      { address: '1.1.1.1', port: 53 },
      { address: '2606:4700::1', port: 5353 },
      { address: '::1', port: 53 },
    ],
  ],
  ['ACME_DIRECTORY_URL', 'https://ca.example/dir/', 'directoryUrl', 'https://ca.example/dir'],
  ['CERTBOT_STAGING', 'true', 'directoryUrl', 'https://acme-staging-v02.api.letsencrypt.org/directory'],
  ['CERTBOT_STAGING', 'true', 'usesStaging', true],
  ['ACME_PROFILE', 'shortlived', 'acmeProfile', 'shortlived'],
  ['APP_ADDRESS_MODE', 'Hold', 'appAddressMode', 'hold'],
  ['RENEW_DAYS_BEFORE', '30', 'renewDaysBefore', 30],
  ['RENEW_INTERVAL', '43200', 'renewInterval', 43_200],
  ['RENEW_INTERVAL', '5', 'renewInterval', 60],
];
for (const [variable, value, key, expected] of right) {
  test(`${variable}=${JSON.stringify(value)} is read`, () => {
    const config: Readonly<Record<string, unknown>> = { ...load({ ...GOOD, [variable]: value }) };
    assert.deepEqual(config[key], expected);
  });
}

test('all faults are reported at once', () => {
  assert.deepEqual(kindsOf(faultsOf({ PORT: 'x', SET_CAA: 'y' })).sort(), [
    'DNS_PROVIDER missing',
    'DOMAIN missing',
    'GATEWAY_DOMAIN missing',
    'PORT not-a-number',
    'SET_CAA unknown-value',
    'TARGET_ENDPOINT missing',
  ]);
});

test('each wrong entry of a list is a separate fault', () => {
  const DOMAINS = 'localhost\nfine.example.com\n1.2.3.4';
  const faults = faultsOf({ ...GOOD, DOMAINS });
  assert.deepEqual(kindsOf(faults), ['DOMAINS not-a-domain-name', 'DOMAINS not-a-domain-name']);
  assert.deepEqual(
    faults.map(({ details }) => details),
    [{ entry: 'localhost' }, { entry: '1.2.3.4' }],
  );
});

test('every name has its route', () => {
  const { names, routes } = load({
    ...GOOD,
    DOMAINS: 'b.example.com',
    ROUTING_MAP: 'c.example.com=https://c',
  });
  assert.deepEqual(names, ['app.example.com', 'b.example.com', 'c.example.com']);
  assert.deepEqual(
    routes.map(({ name, target }) => `${name} ${target.host}`),
    ['app.example.com app', 'b.example.com app', 'c.example.com c'],
  );
});

test('the text for a terminal has each fault and its fix, and no stack', () => {
  const faults = faultsOf({ ...GOOD, PORT: 'x', SET_CAA: 'y' });
  const text = describeFaults({ faults, warnings: [] });
  for (const { variable, problem, fix } of faults)
    assert.ok(text.includes(`  ${variable} ${problem}\n    -> ${fix}\n`), text);
  assert.doesNotMatch(text, /at .*\.ts/);
});

test('warnings are printed with the faults, except those that only follow from a fault', () => {
  const environment = {
    ...GOOD,
    PORT: 'x',
    CLIENT_MAX_BODY_SIZE: '1m',
    RENEW_INTERVAL: '5',
    ALPHA_TOKEN: '"quoted"',
    LOG_LEVLE: 'debug',
    TARGET_ENDPOINT: 'https://10.0.0.1:x',
    TARGET_TLS_VERIFY: 'true',
    ACME_FALLBACK_DIRECTORY_URL: 'ftp://ca',
    ACME_FALLBACK_AFTER: '60',
  };
  assert.throws(
    () => load(environment),
    (thrown) => {
      assert.ok(thrown instanceof ConfigError);
      const text = describeFaults(thrown);
      assert.deepEqual(kindsOf(thrown.faults), [
        'TARGET_ENDPOINT not-an-endpoint',
        'ACME_FALLBACK_DIRECTORY_URL not-a-url',
        'PORT not-a-number',
      ]);
      assert.deepEqual(
        thrown.warnings.map(({ variable, kind }) => `${variable} ${kind}`),
        [
          ...['ALPHA_TOKEN quotes-removed', 'RENEW_INTERVAL out-of-range'],
          ...['CLIENT_MAX_BODY_SIZE older', 'LOG_LEVLE misspelt'],
        ],
      );
      for (const words of thrown.warnings.map(describeConfigWarning)) assert.ok(text.includes(words), words);
      return true;
    },
  );
});

test('GATEWAY_DOMAIN defaults to a name in DSTACK_GATEWAY_DOMAIN', () => {
  const { GATEWAY_DOMAIN: _, ...rest } = GOOD;
  assert.equal(
    load({ ...rest, DSTACK_GATEWAY_DOMAIN: 'cluster.example.net' }).gatewayDomain,
    '_.cluster.example.net',
  );
});

test('credentials of two providers and no DNS_PROVIDER are a fault that names both', () => {
  const faults = faultsOf({ ...GOOD, BETA_TOKEN: 'b' });
  assert.deepEqual(kindsOf(faults), ['DNS_PROVIDER ambiguous']);
  assert.deepEqual(faults[0]?.details, { providers: ['alpha', 'beta'] });
  assert.equal(load({ ...GOOD, BETA_TOKEN: 'b', DNS_PROVIDER: 'Beta' }).provider.name, 'beta');
});

test('the name of an unknown provider is shown as it was set, with the supported ones', () => {
  for (const named of ['gamma', '"beta"', 'be\tta']) {
    const faults = faultsOf({ ...GOOD, DNS_PROVIDER: named });
    assert.deepEqual(kindsOf(faults), ['DNS_PROVIDER unknown-value']);
    const { problem = '', fix = '' } = faults[0] ?? {};
    assert.ok(problem.includes(JSON.stringify(named)), problem);
    for (const supported of ['alpha', 'beta', 'delta']) assert.ok(fix.includes(supported), fix);
  }
});

test('a provider of which only some variables are set is chosen, and its faults name the others', () => {
  const { ALPHA_TOKEN: _, ...rest } = GOOD;
  const begun = faultsOf({ ...rest, DELTA_USER: 'somebody.example.com' });
  assert.deepEqual(kindsOf(begun), ['DELTA_TOKEN missing']);
});

test('a named provider without its credentials is a fault of the credential', () => {
  assert.deepEqual(kindsOf(faultsOf({ ...GOOD, DNS_PROVIDER: 'beta' })), ['BETA_TOKEN missing']);
});

test('a secret is read from a file, cleaned, and never printed', () => {
  const { ALPHA_TOKEN: _, ...rest } = GOOD;
  const config = load(
    { ...rest, ALPHA_TOKEN_FILE: '/run/secrets/token' },
    { '/run/secrets/token': '"hush-hush"\n' },
  );
  assert.equal(config.providerSettings['token']?.toString(), '[redacted]');
  assert.deepEqual(config.warnings, [{ kind: 'quotes-removed', variable: 'ALPHA_TOKEN' }]);
  for (const shown of [
    JSON.stringify(config),
    inspect(config, { depth: 9 }),
    `${config.providerSettings['token']}`,
  ]) {
    assert.doesNotMatch(shown, /hush/);
  }
});

const secretFaults: [title: string, environment: Record<string, string>, fault: string][] = [
  ['both ways', { ALPHA_TOKEN: 'x', ALPHA_TOKEN_FILE: '/run/secrets/token' }, 'ALPHA_TOKEN conflicting'],
  ['a missing file', { ALPHA_TOKEN: '', ALPHA_TOKEN_FILE: '/nowhere' }, 'ALPHA_TOKEN_FILE unreadable-file'],
  ['an empty file', { ALPHA_TOKEN: '', ALPHA_TOKEN_FILE: '/empty' }, 'ALPHA_TOKEN_FILE empty-file'],
  ['a space inside', { ALPHA_TOKEN: 'hush hush' }, 'ALPHA_TOKEN invalid-characters'],
  ['a line break inside', { ALPHA_TOKEN: 'hush\r\nX-Evil: 1' }, 'ALPHA_TOKEN invalid-characters'],
];
for (const [title, environment, expected] of secretFaults) {
  test(`a secret given with ${title} is a fault that does not show it`, () => {
    const faults = faultsOf({ ...GOOD, ...environment }, { '/run/secrets/token': 'hush', '/empty': '\n' });
    assert.deepEqual(kindsOf(faults), [expected]);
    assert.doesNotMatch(JSON.stringify(faults), /hush/);
  });
}

test('older variables without effect, an ignored path and differing aliases cause warnings', () => {
  const config = load({
    ...GOOD,
    CLIENT_MAX_BODY_SIZE: '1m',
    TARGET_ENDPOINT: 'http://app:80/path',
    ACME_EMAIL: 'a@example.com',
    CERTBOT_EMAIL: 'b@example.com',
  });
  assert.equal(config.email, 'a@example.com');
  assert.deepEqual(config.warnings, [
    { kind: 'aliases-differ', variable: 'ACME_EMAIL', ignored: 'CERTBOT_EMAIL' },
    { kind: 'ignored-path', variable: 'TARGET_ENDPOINT', path: '/path' },
    { kind: 'older', variable: 'CLIENT_MAX_BODY_SIZE' },
  ]);
});

test('a name whose challenge name would be too long is a fault', () => {
  const label = 'a'.repeat(60);
  const domain = `${label}.${label}.${label}.${'b'.repeat(50)}.example`;
  for (const variable of ['DOMAIN', 'DOMAINS']) {
    const faults = faultsOf({ ...GOOD, [variable]: domain });
    assert.deepEqual(kindsOf(faults), [`${variable} too-long`]);
    assert.deepEqual(faults[0]?.details, { name: domain });
  }
});

for (const seconds of [60, 3600, 43_200]) {
  test(`${seconds} seconds are taken as they are`, () =>
    assert.deepEqual(boundInterval(seconds), { seconds, warnings: [] }));
}

for (const [seconds, bound] of [
  [0, 60],
  [59, 60],
  [43_201, 43_200],
  [999_999_999, 43_200],
] as const) {
  test(`${seconds} seconds count as ${bound}, with a warning`, () =>
    assert.deepEqual(boundInterval(seconds), {
      seconds: bound,
      warnings: [
        {
          ...{ kind: 'out-of-range', variable: 'RENEW_INTERVAL' },
          ...{ value: seconds, used: bound, range: [60, 43_200] },
        },
      ],
    }));
}
