import assert from 'node:assert/strict';
import { test } from 'node:test';
import { providers } from '../../providers/registry.ts';
import { faultsOf, GOOD, kindsOf, load } from '../../test/harness/config.ts';
import { loadConfig } from './config.ts';
import { ConfigError, describeFaults, type FaultKind } from './faults.ts';

const slips: [written: string, meant: string][] = [
  ['RENEW_DAYS_BEFOR', 'RENEW_DAYS_BEFORE'],
  ['RENEW_DAY_BEFORE', 'RENEW_DAYS_BEFORE'],
  ['RENEW_DYAS_BEFORE', 'RENEW_DAYS_BEFORE'],
  ['RENEW-DAYS-BEFORE', 'RENEW_DAYS_BEFORE'],
  ['renew_days_before', 'RENEW_DAYS_BEFORE'],
  ['ROUTINGMAP', 'ROUTING_MAP'],
  ['ALIAS_DOMAINS', 'ALIAS_DOMAIN'],
  ['MAX_CONN', 'MAXCONN'],
  ['SET_CCA', 'SET_CAA'],
  ['PROXY_READ_TIMOUT', 'PROXY_READ_TIMEOUT'],
  ['PROXY_BUFERS', 'PROXY_BUFFERS'],
];
for (const [written, meant] of slips) {
  test(`${written} is taken for ${meant}`, () => {
    assert.deepEqual(load({ ...GOOD, [written]: '1' }).warnings, [
      { kind: 'misspelt', variable: written, meant },
    ]);
  });
}

/**
 * Variables of shells, engines, clouds, base images and other containers that share an environment
 * file.
 */
const ordinary = `
  PATH HOME HOSTNAME HOST USER LOGNAME PWD OLDPWD SHELL SHLVL TERM LANG LANGUAGE LC_ALL LC_CTYPE TZ TMPDIR TEMP MAIL EDITOR
  PAGER DISPLAY DEBUG VERBOSE CI ENV ENVIRONMENT MODE STAGE NAME NODE_ENV NODE_VERSION NODE_OPTIONS NODE_PATH
  NODE_EXTRA_CA_CERTS NODE_USE_ENV_PROXY NODE_TLS_REJECT_UNAUTHORIZED NPM_CONFIG_LOGLEVEL npm_config_user_agent npm_lifecycle_event
  YARN_VERSION SSL_CERT_FILE SSL_CERT_DIR HTTP_PROXY http_proxy HTTPS_PROXY https_proxy NO_PROXY no_proxy ALL_PROXY all_proxy
  FTP_PROXY ftp_proxy container DOCKER_HOST COMPOSE_PROJECT_NAME COMPOSE_FILE INVOCATION_ID JOURNAL_STREAM NOTIFY_SOCKET
  SYSTEMD_EXEC_PID KUBERNETES_SERVICE_HOST KUBERNETES_PORT KUBERNETES_PORT_443_TCP_ADDR APP_PORT APP_PORT_80_TCP APP_HOST APP_NAME
  APP_ENV APP_KEY APP_URL APP_SECRET APP_DOMAIN BASE_DOMAIN MAIN_DOMAIN ROOT_DOMAIN DOMAIN_NAME DOMAIN1 DOMAIN2 SUBDOMAIN
  DB_HOST DB_PORT DB_NAME DB_USER DB_PASSWORD DATABASE_URL POSTGRES_USER POSTGRES_PASSWORD PGHOST PGDATA MYSQL_ROOT_PASSWORD REDIS_URL
  MONGO_URL S3_BUCKET SMTP_HOST SMTP_PORT MAIL_FROM EMAIL ADMIN_EMAIL SECRET_KEY JWT_SECRET API_KEY API_TOKEN API_URL BASE_URL PUBLIC_URL
  SERVER_NAME SERVER_PORT HTTP_PORT HTTPS_PORT LISTEN_PORT PROXY_HOST PROXY_PORT PROXY_PASS UPSTREAM BACKEND TARGET TIMEOUT LOG_FORMAT
  LOG_FILE WORKERS CONCURRENCY GITHUB_ACTIONS GITHUB_TOKEN GITHUB_SHA AWS_PROFILE AWS_DEFAULT_REGION AWS_CONFIG_FILE AWS_ENDPOINT_URL
  AWS_ENDPOINT_URL_S3 AWS_ENDPOINT_URL_SQS AWS_ENDPOINT_URL_SNS AWS_ENDPOINT_URL_SSM AWS_MAX_ATTEMPTS AWS_PAGER AWS_EXECUTION_ENV
  AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_SESSION_NAME AWS_CA_BUNDLE GOOGLE_APPLICATION_CREDENTIALS AZURE_CLIENT_ID CF_API_TOKEN
  CF_DNS_API_TOKEN CLOUDFLARE_EMAIL CLOUDFLARE_API_KEY CLOUDFLARE_ACCOUNT_ID LINODE_TOKEN DIGITALOCEAN_TOKEN DO_AUTH_TOKEN
  OPENAI_API_KEY DSTACK_APP_NAME DSTACK_APP_DOMAIN DSTACK_INSTANCE_ID VIRTUAL_HOST VIRTUAL_PORT LETSENCRYPT_HOST LETSENCRYPT_EMAIL
  ACME_SERVER ACME_HOME CERT_DIR CERTS_DIR KEY_FILE KEY_PATH DATA_DIR CONFIG_DIR RUNTIME_ENV PUID PGID UID GID UMASK S6_VERBOSITY
  TAILSCALE_AUTHKEY WIREGUARD_PORT RUST_LOG RUST_BACKTRACE GOPATH GODEBUG JAVA_HOME JAVA_OPTS PYTHONPATH PYTHONUNBUFFERED
  LD_LIBRARY_PATH LD_PRELOAD MALLOC_ARENA_MAX OTEL_SERVICE_NAME OTEL_EXPORTER_OTLP_ENDPOINT SENTRY_DSN DD_AGENT_HOST
`
  .trim()
  .split(/\s+/);

test('ordinary variables are not taken for misspelt ones, even if nothing else is set', () => {
  const environment = Object.fromEntries(ordinary.map((name) => [name, '1']));
  try {
    loadConfig(environment, () => '', providers);
  } catch (thrown) {
    assert.ok(thrown instanceof ConfigError);
    assert.doesNotMatch(describeFaults(thrown), /misspelt|meant/);
  }
});

test('the fault for a missing variable names a similar one that is set, without a second warning', () => {
  const { TARGET_ENDPOINT: _, ...rest } = GOOD;
  const [fault, ...others] = faultsOf({ ...rest, TARGET_ENDPONT: 'app:80' });
  assert.deepEqual([fault?.variable, fault?.kind, others], ['TARGET_ENDPOINT', 'missing', []]);
  assert.deepEqual(fault?.details, {
    misspelt: [{ written: 'TARGET_ENDPONT', meant: 'TARGET_ENDPOINT' }],
  });
});

test('a fault that any of several variables would fix names a misspelling of each', () => {
  const detailsOf = (environment: Record<string, string>) =>
    faultsOf(environment).map(({ variable, kind, details }) => [variable, kind, details]);
  const { DOMAIN: _, GATEWAY_DOMAIN: __, ...others } = GOOD;
  const both = { ...others, DOMIANS: 'app.example.com', GATEWAY_DOMIAN: '_.cluster.example.net' };
  const misspelt = (written: string, meant: string) => ({ misspelt: [{ written, meant }] });
  assert.deepEqual(detailsOf(both), [
    ['DOMAIN', 'missing', misspelt('DOMIANS', 'DOMAINS')],
    ['GATEWAY_DOMAIN', 'missing', misspelt('GATEWAY_DOMIAN', 'GATEWAY_DOMAIN')],
  ]);
  const { ALPHA_TOKEN: ___, ...without } = GOOD;
  assert.deepEqual(detailsOf({ ...without, ALHPA_TOKEN: 'x' }), [
    ['DNS_PROVIDER', 'missing', misspelt('ALHPA_TOKEN', 'ALPHA_TOKEN')],
  ]);
});

test('every variable that looks like a missing one is named', () => {
  const written = {
    TARGET_ENDPOINT: '',
    TARGET_ENDPONT: 'app:80',
    ROUTNG_MAP: 'x',
    TARGET_ENDPIONT: 'app:81',
  };
  const [fault, ...others] = faultsOf({ ...GOOD, ...written });
  assert.deepEqual([fault?.variable, fault?.kind, others], ['TARGET_ENDPOINT', 'empty', []]);
  assert.deepEqual(fault?.details, {
    empty: ['TARGET_ENDPOINT'],
    misspelt: [
      { written: 'TARGET_ENDPONT', meant: 'TARGET_ENDPOINT' },
      { written: 'ROUTNG_MAP', meant: 'ROUTING_MAP' },
      { written: 'TARGET_ENDPIONT', meant: 'TARGET_ENDPOINT' },
    ],
  });
});

test('a token of a real provider that is misspelt is named', () => {
  const { ALPHA_TOKEN: _, ...rest } = GOOD;
  const written = { ...rest, CLOUDFARE_API_TOKEN: 'hush-hush' };
  assert.throws(
    () => loadConfig(written, () => '', providers),
    (thrown) => {
      assert.ok(thrown instanceof ConfigError);
      assert.deepEqual(kindsOf(thrown.faults), ['DNS_PROVIDER missing']);
      const misspelt = [{ written: 'CLOUDFARE_API_TOKEN', meant: 'CLOUDFLARE_API_TOKEN' }];
      assert.deepEqual(thrown.faults[0]?.details, { misspelt });
      assert.doesNotMatch(describeFaults(thrown) + JSON.stringify(thrown.faults), /hush/);
      return true;
    },
  );
});

test('a variable that is set is not the one meant by a similar name', () => {
  assert.deepEqual(load({ ...GOOD, TARGET_ENDPONT: 'app:80' }).warnings, []);
});

const empty: [variable: string, kind: FaultKind, changes: Record<string, string>, empty?: string[]][] = [
  ['DOMAIN', 'empty', { DOMAIN: '' }],
  ['DOMAIN', 'empty', { DOMAIN: ' \n' }],
  ['TARGET_ENDPOINT', 'empty', { TARGET_ENDPOINT: '' }],
  ['GATEWAY_DOMAIN', 'empty', { GATEWAY_DOMAIN: '' }],
  ['ALPHA_TOKEN', 'empty', { ALPHA_TOKEN: '', DNS_PROVIDER: 'alpha' }],
  ['DNS_PROVIDER', 'missing', { ALPHA_TOKEN: '' }, ['ALPHA_TOKEN']],
  ['DNS_PROVIDER', 'missing', { ALPHA_TOKEN: '', BETA_TOKEN: '' }, ['ALPHA_TOKEN', 'BETA_TOKEN']],
  ['ACME_EAB_KID', 'empty', { ACME_EAB_KID: '', ACME_EAB_HMAC_KEY: 'aGVsbG8' }],
];
for (const [variable, kind, changes, names = [variable]] of empty) {
  test(`${JSON.stringify(changes)}: the fault says that it is empty`, () => {
    const faults = faultsOf({ ...GOOD, ...changes });
    assert.deepEqual(kindsOf(faults), [`${variable} ${kind}`]);
    assert.deepEqual(faults[0]?.details, { empty: names });
  });
}

test('an empty variable that is not needed causes no warning', () => {
  assert.deepEqual(load({ ...GOOD, DOMAINS: '', BETA_TOKEN: '' }).warnings, []);
});
