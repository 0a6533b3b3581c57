import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { faultsOf, GOOD, load } from '../../test/harness/config.ts';
import { boundInterval } from './config.ts';
import { ConfigError, describeFaults } from './faults.ts';

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

const wrong: [variable: string, value: string][] = [
  ['DOMAIN', 'localhost'],
  ['DOMAIN', 'app.example.com\nevil'],
  ['DOMAIN', '"app.example.com"'],
  ['DOMAIN', 'app example.com'],
  ['DOMAIN', '-app.example.com'],
  ['DOMAIN', 'a..example.com'],
  ['DOMAIN', '*.*.example.com'],
  ['DOMAIN', '1.2.3.4'],
  ['DOMAIN', 'app%2eexample.com'],
  ['DOMAIN', 'xn--\u0000.example.com'],
  ['DOMAIN', 'xn--zzzzzzz99999999.example.com'],
  ['DOMAIN', `${'a'.repeat(64)}.example.com`],
  ['DOMAIN', `${'a.'.repeat(120)}example.com`],
  ['TARGET_ENDPOINT', 'app'],
  ['TARGET_ENDPOINT', 'app:0'],
  ['TARGET_ENDPOINT', 'app:65536'],
  ['TARGET_ENDPOINT', 'app:80 check'],
  ['TARGET_ENDPOINT', 'app:80\n  server evil 1.2.3.4:80'],
  ['TARGET_ENDPOINT', '"app":80'],
  ['TARGET_ENDPOINT', '300.1.1.1:80'],
  ['TARGET_ENDPOINT', '0.0.0.0:80'],
  ['TARGET_ENDPOINT', '[::]:80'],
  ['TARGET_ENDPOINT', '[fe80::1%eth0]:80'],
  ['TARGET_ENDPOINT', 'ftp://app:80'],
  ['TARGET_ENDPOINT', 'https://10.0.0.1'],
  ['TARGET_ENDPOINT', 'grpcs://[::1]:443'],
  ['TARGET_ENDPOINT', 'grpcs://app'],
  ['TARGET_ENDPOINT', 'grpc://app'],
  ['TARGET_ENDPOINT', 'user@app:80'],
  ['DOMAINS', 'app.example.com; api.example.com'],
  ['DOMAINS', 'app.example.com\nlocalhost'],
  ['DOMAINS', '*'],
  ['ROUTING_MAP', 'api.example.com'],
  ['ROUTING_MAP', 'api.example.com app:80'],
  ['ROUTING_MAP', 'api.example.com='],
  ['ROUTING_MAP', '=app:80'],
  ['ROUTING_MAP', 'localhost=app:80'],
  ['ROUTING_MAP', 'api.example.com=app'],
  ['ROUTING_MAP', 'api.example.com=app:80\n  server evil 1.2.3.4:80'],
  ['ROUTING_MAP', 'api.example.com=https://10.0.0.1'],
  ['ROUTING_MAP', 'api.example.com=a:80, API.example.com=b:80'],
  ['ALIAS_DOMAIN', 'localhost'],
  ['CERT_GROUPS', 'localhost'],
  ['CERT_GROUPS', 'a.example.com; app.example.com a.example.com'],
  ['CERT_GROUPS', Array.from({ length: 101 }, (_, index) => `n${index}.example.com`).join()],
  ['APP_ADDRESS_MODE', 'standby'],
  ['PROXY_MODE', 'http'],
  ['EVIDENCE_SERVER', 'maybe'],
  ['ACCEPT_PROXY_PROTOCOL', 'v2'],
  ['SEND_PROXY_PROTOCOL', 'v3'],
  ['TARGET_TLS_VERIFY', 'none'],
  ['TARGET_CA_FILE', 'ca.pem'],
  ['TARGET_CA_FILE', '/with space'],
  ['KEY_TYPE', 'ed25519'],
  ['GATEWAY_DOMAIN', 'https://gateway.example.net'],
  ['ACME_EMAIL', 'ops@example.com, x@example.com'],
  ['SET_CAA', 'maybe'],
  ['DNS_PROVIDER', 'gamma'],
  ['PORT', '0'],
  ['PORT', '443abc'],
  ['PORT', '   -1'],
  ['TXT_PREFIX', '_a.b'],
  ['APP_ID', 'not-hex'],
  ['ALPN', 'h2 http/1.1'],
  ['ALPN', 'h2,'],
  ['ALPN', 'h2,,http/1.1'],
  ['ALPN', 'H2'],
  ['ALPN', 'h2c'],
  ['ALPN', 'http/2'],
  ['ALPN', 'http1.1'],
  ['ALPN', 'h2,h2'],
  ['ALPN', 'h2\n  bind :80'],
  ['ALPN', 'é'],
  ['ALPN', Array.from({ length: 17 }, (_, index) => `p${index}`).join()],
  ['MAXCONN', '0'],
  ['MAXCONN', '1e3'],
  ['TIMEOUT_CLIENT', '30'],
  ['TIMEOUT_CLIENT', '25d'],
  ['TIMEOUT_CLIENT', '0s'],
  ['TIMEOUT_SERVER', '10s\n'.repeat(2)],
  ['ACME_DIRECTORY_URL', 'ftp://ca/directory'],
  ['ACME_FALLBACK_DIRECTORY_URL', 'https://acme-v02.api.letsencrypt.org/directory/'],
  ['DNS_RESOLVERS', '1.1.1.1,resolver.example.com'],
  ['DNS_RESOLVERS', '1.1.1.1:99999'],
  ['LETSENCRYPT_DIR', 'relative/path'],
  ['RUNTIME_DIR', '/run/with space'],
  ['RUNTIME_DIR', `/run/${'x'.repeat(90)}`],
  ['LOG_LEVEL', 'loud'],
];
for (const [variable, value] of wrong) {
  test(`${variable}=${JSON.stringify(value).slice(0, 50)} is a fault that names it`, () => {
    const faults = faultsOf({ ...GOOD, [variable]: value });
    assert.deepEqual(
      faults.map((fault) => fault.variable),
      [variable],
    );
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
  const variables = faultsOf({ PORT: 'x', SET_CAA: 'y' }).map(({ variable }) => variable);
  assert.deepEqual(variables.sort(), [
    'DNS_PROVIDER',
    'DOMAIN',
    'GATEWAY_DOMAIN',
    'PORT',
    'SET_CAA',
    'TARGET_ENDPOINT',
  ]);
});

test('every wrong entry of a list is a fault of its own', () => {
  const DOMAINS = 'localhost\nfine.example.com\n1.2.3.4';
  const problems = faultsOf({ ...GOOD, DOMAINS }).map(({ variable, problem }) => `${variable} ${problem}`);
  assert.deepEqual(problems, [
    'DOMAINS contains something that is not a domain name: "localhost"',
    'DOMAINS contains something that is not a domain name: "1.2.3.4"',
  ]);
});

test('every name comes with its route', () => {
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

test('the text for a person names each variable and its fix, and no stack', () => {
  const text = describeFaults({ faults: faultsOf({ ...GOOD, PORT: 'x' }), warnings: [] });
  assert.match(text, /PORT is not a whole number from 1 to 65535: "x"\n {4}-> Set a port/);
  assert.doesNotMatch(text, /at .*\.ts/);
});

test('warnings stand beside the faults, but for those that follow from what could not be read', () => {
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
      assert.match(text, /PORT is not[\s\S]*Warnings:[\s\S]*Nothing was started/);
      assert.deepEqual(
        thrown.warnings.map((words) => words.split(/[ =]/)[0]),
        ['ALPHA_TOKEN', 'RENEW_INTERVAL', 'CLIENT_MAX_BODY_SIZE', 'LOG_LEVLE'],
      );
      for (const words of thrown.warnings) assert.ok(text.includes(words), words);
      return true;
    },
  );
});

test('the gateway follows from DSTACK_GATEWAY_DOMAIN', () => {
  const { GATEWAY_DOMAIN: _, ...rest } = GOOD;
  assert.equal(
    load({ ...rest, DSTACK_GATEWAY_DOMAIN: 'cluster.example.net' }).gatewayDomain,
    '_.cluster.example.net',
  );
});

test('credentials of two providers and no DNS_PROVIDER are a fault that names both', () => {
  const [fault, ...others] = faultsOf({ ...GOOD, BETA_TOKEN: 'b' });
  assert.equal(others.length, 0);
  assert.equal(fault?.variable, 'DNS_PROVIDER');
  assert.match(fault?.problem ?? '', /more than one provider are: alpha, beta/);
  assert.equal(load({ ...GOOD, BETA_TOKEN: 'b', DNS_PROVIDER: 'Beta' }).provider.name, 'beta');
});

test('a name of a provider that is none is shown as it was set, with those that there are', () => {
  for (const named of ['gamma', '"beta"', 'be\tta']) {
    const [fault] = faultsOf({ ...GOOD, DNS_PROVIDER: named });
    assert.equal(fault?.variable, 'DNS_PROVIDER');
    assert.ok(fault.problem.includes(JSON.stringify(named)), fault.problem);
    assert.match(fault.fix, /Set one of: alpha, beta/);
  }
});

test('a provider that is set by half is taken for the one that is meant', () => {
  const { ALPHA_TOKEN: _, ...rest } = GOOD;
  const begun = faultsOf({ ...rest, DELTA_USER: 'somebody.example.com' });
  assert.deepEqual(
    begun.map(({ variable, problem }) => `${variable} ${problem}`),
    ['DELTA_TOKEN is not set'],
  );
});

test('a named provider without its credentials is a fault of the credential', () => {
  assert.deepEqual(
    faultsOf({ ...GOOD, DNS_PROVIDER: 'beta' }).map(({ variable }) => variable),
    ['BETA_TOKEN'],
  );
});

test('a secret is read from a file, cleaned, and never printed', () => {
  const { ALPHA_TOKEN: _, ...rest } = GOOD;
  const config = load(
    { ...rest, ALPHA_TOKEN_FILE: '/run/secrets/token' },
    { '/run/secrets/token': '"hush-hush"\n' },
  );
  assert.equal(config.providerSettings['token']?.toString(), '[redacted]');
  assert.match(config.warnings.join(), /ALPHA_TOKEN was set with quotes/);
  for (const shown of [
    JSON.stringify(config),
    inspect(config, { depth: 9 }),
    `${config.providerSettings['token']}`,
  ]) {
    assert.doesNotMatch(shown, /hush/);
  }
});

const secretFaults: [title: string, environment: Record<string, string>, variable: string][] = [
  ['both ways', { ALPHA_TOKEN: 'x', ALPHA_TOKEN_FILE: '/run/secrets/token' }, 'ALPHA_TOKEN'],
  ['a missing file', { ALPHA_TOKEN: '', ALPHA_TOKEN_FILE: '/nowhere' }, 'ALPHA_TOKEN_FILE'],
  ['an empty file', { ALPHA_TOKEN: '', ALPHA_TOKEN_FILE: '/empty' }, 'ALPHA_TOKEN_FILE'],
  ['a space inside', { ALPHA_TOKEN: 'hush hush' }, 'ALPHA_TOKEN'],
  ['a line break inside', { ALPHA_TOKEN: 'hush\r\nX-Evil: 1' }, 'ALPHA_TOKEN'],
];
for (const [title, environment, variable] of secretFaults) {
  test(`a secret given with ${title} is a fault that does not show it`, () => {
    const faults = faultsOf({ ...GOOD, ...environment }, { '/run/secrets/token': 'hush', '/empty': '\n' });
    assert.deepEqual(
      faults.map((fault) => fault.variable),
      [variable],
    );
    assert.doesNotMatch(JSON.stringify(faults), /hush/);
  });
}

test('older variables without effect, an ignored path and differing aliases are warned of', () => {
  const config = load({
    ...GOOD,
    CLIENT_MAX_BODY_SIZE: '1m',
    TARGET_ENDPOINT: 'http://app:80/path',
    ACME_EMAIL: 'a@example.com',
    CERTBOT_EMAIL: 'b@example.com',
  });
  assert.equal(config.email, 'a@example.com');
  for (const expected of [
    /CLIENT_MAX_BODY_SIZE has no effect/,
    /path \/path in TARGET_ENDPOINT/,
    /ACME_EMAIL and CERTBOT_EMAIL differ/,
  ]) {
    assert.match(config.warnings.join('\n'), expected);
  }
});

test('a name whose challenge name would be too long is a fault', () => {
  const label = 'a'.repeat(60);
  const domain = `${label}.${label}.${label}.${'b'.repeat(50)}.example`;
  assert.match(faultsOf({ ...GOOD, DOMAIN: domain })[0]?.problem ?? '', /^is too long/);
  const [fault] = faultsOf({ ...GOOD, DOMAINS: domain });
  assert.equal(fault?.variable, 'DOMAINS');
  assert.match(fault.problem, /^contains a{60}\..* which is too long/);
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
      warnings: [`RENEW_INTERVAL=${seconds} counts as ${bound}: it can be 60 to 43200 seconds`],
    }));
}
