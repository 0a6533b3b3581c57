import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { providers } from '../providers/registry.ts';
import { complaintsAbout } from './compose/complaints.ts';
import { interpolate, readCompose } from './compose/compose-file.ts';

/** The variables that users set in their environment. */
const needed = { CLOUDFLARE_API_TOKEN: 'token', POSTGRES_PASSWORD: 'password' };
const everything = {
  ...needed,
  CLOUDFLARE_ZONE_ID: '0123456789abcdef0123456789abcdef',
  CLOUDFLARE_BASE_URL: 'https://cloudflare.example.net/client/v4',
  LINODE_BASE_URL: 'https://linode.example.net/v4',
  AWS_SESSION_TOKEN: 'token',
  AWS_REGION: 'eu-central-1',
  AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/dns',
  AWS_ROLE_EXTERNAL_ID: 'external-id',
  AWS_HOSTED_ZONE_ID: 'Z0123456789ABCDEFGHIJ',
  AWS_ENDPOINT_URL_ROUTE_53: 'https://route53.example.net',
  AWS_ENDPOINT_URL_STS: 'https://sts.example.net',
  NAMECHEAP_API_USER: 'reseller',
  NAMECHEAP_SANDBOX: 'true',
  NAMECHEAP_BASE_URL: 'https://namecheap.example.net',
};

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const blocks = [...read('README.md').matchAll(/```yaml\n(.*?)```/gs)].map(([, block = '']) => block);
const files = globSync('examples/**/*.yaml').sort();
const texts = new Map([
  ...files.map((path) => [path, read(path)] as const),
  ...blocks.map((block) => ['README.md', block] as const),
]);

test('there are examples, and a compose file in README.md', () => {
  assert.equal(blocks.length, 1);
  assert.ok(files.length >= 7, files.join());
});

for (const [path, text] of texts) {
  test(`${path} is a valid example`, () => {
    for (const values of [needed, everything]) {
      assert.deepEqual(complaintsAbout(readCompose(text, values)), []);
    }
  });
}

for (const { name, variables } of providers) {
  test(`${name} has an example with all of its variables`, () => {
    const { services } = readCompose(read(`examples/provider-${name}.yaml`), everything);
    const set = Object.values(services).flatMap(({ environment }) => Object.keys(environment));
    const missing = Object.values(variables).filter(
      (variable) => !set.includes(variable.name) && !set.includes(`${variable.name}_FILE`),
    );
    assert.deepEqual(
      missing.map((variable) => variable.name),
      [],
    );
  });
}

test('the table of examples lists each file', () => {
  const table = read('examples/README.md');
  const lacking = files
    .map((path) => path.replace('examples/', ''))
    .filter((path) => !table.includes(`](${path})`));
  assert.deepEqual(lacking, []);
});

const GOOD = read('examples/single.yaml');
const NAMES = read('examples/two-names.yaml');
const TWO = read('test/compose/two-ingresses.yaml');
const SECRET = read('examples/provider-cloudflare.yaml');

/** Changes to good examples, each of which must be reported. */
const broken: [what: string, text: string, from: RegExp | string, to: string, complaint: RegExp][] = [
  ['a variable that is misspelt', GOOD, 'SET_CAA:', 'SET_CCA:', /ingress: SET_CCA is not a known variable/],
  [
    'a variable without effect',
    GOOD,
    'SET_CAA: "true"',
    'EVIDENCE_PORT: "80"',
    /EVIDENCE_PORT is not a known variable/,
  ],
  [
    'a secret of another kind',
    GOOD,
    'CERTBOT_EMAIL:',
    'CERTBOT_EMAIL_FILE:',
    /CERTBOT_EMAIL_FILE is not a known variable/,
  ],
  ['a faulty value', GOOD, '"true"', 'perhaps', /fault: SET_CAA is neither true nor false/],
  [
    'a value with a warning',
    GOOD,
    'http://app:80 ',
    'http://app/path ',
    /warning: the path \/path in TARGET_ENDPOINT/,
  ],
  ['no provider', GOOD, 'CLOUDFLARE_API_TOKEN:', 'ACME_STAGING: "true" #', /fault: DNS_PROVIDER is not set/],
  ['a port published as another', GOOD, '"443:443"', '"8443:443"', /publishes 8443:443 instead of 443:443/],
  [
    'a port published on one address only',
    GOOD,
    '"443:443"',
    '"127.0.0.1:443:443"',
    /publishes 127\.0\.0\.1:443:443/,
  ],
  ['PORT without its port', TWO, 'PORT: 8443', 'PORT: 9443', /publishes 8443:8443 instead of 9443:9443/],
  ['no port', GOOD, '    ports: ["443:443"]\n', '', /does not publish 443/],
  [
    'no certificate volume',
    GOOD,
    'letsencrypt:/etc/letsencrypt',
    'letsencrypt:/certs',
    /no volume at \/etc\/letsencrypt/,
  ],
  [
    'a certificate volume that is read-only',
    GOOD,
    ':/etc/letsencrypt',
    ':/etc/letsencrypt:ro',
    /cannot write/,
  ],
  [
    'neither guest agent nor APP_ID',
    GOOD,
    /.*dstack\.sock.*\n/,
    '',
    /neither the guest agent's socket nor APP_ID/,
  ],
  [
    'a volume that is not declared',
    GOOD,
    /volumes:\n {2}letsencrypt:\n$/,
    '',
    /volume letsencrypt is not declared/,
  ],
  ['a volume that is not used', GOOD, /\n$/, '\n  more:\n', /volume more is not used/],
  ['a target that is no service', GOOD, 'app:80', 'web:80', /no service has the name of the target, web/],
  [
    'an entry that leads to no service',
    NAMES,
    '//api:80',
    '//web:80',
    /no service has the name of the target, web/,
  ],
  [
    'a name without a target',
    NAMES,
    'TARGET_ENDPOINT:',
    'ACME_STAGING: "true" #',
    /neither ROUTING_MAP nor TARGET/,
  ],
  ['no restart policy', GOOD, /( {2}ingress:\n.*\n) {4}restart.*\n/, '$1', /ingress: has no restart policy/],
  ['no ingress', GOOD, 'dstack-ingress', 'something-else', /no service is an ingress/],
  ['two ingresses of one name', TWO, 'api.example.com', 'www.example.com', /the same name/],
  ['two ingresses on one volume', TWO, 'api-letsencrypt:/etc', 'www-letsencrypt:/etc', /the same volume/],
  [
    'a secret that is not declared',
    SECRET,
    '  cloudflare_api_token:',
    '  other:',
    /secret cloudflare_api_token is not declared/,
  ],
  [
    'a secret that the service does not get',
    SECRET,
    /.*secrets: \[.*\n/,
    '',
    /fault: CLOUDFLARE_API_TOKEN_FILE names a file/,
  ],
];
for (const [what, text, from, to, complaint] of broken) {
  test(`${what} is reported`, () => {
    const changed = text.replace(from, to);
    assert.notEqual(changed, text);
    assert.match(complaintsAbout(readCompose(changed, everything)).join('\n'), complaint);
  });
}

test('two ingresses, each with its own port and volume, are accepted', () => {
  assert.deepEqual(complaintsAbout(readCompose(TWO, everything)), []);
});

test('two ingresses on one port are reported', () => {
  const changed = TWO.replace('"8443:8443"', '"443:443"').replace('PORT: 8443', 'PORT: 443');
  assert.match(complaintsAbout(readCompose(changed, everything)).join('\n'), /the same PORT/);
});

test('APP_ID replaces the guest agent, and lists and long forms are accepted', () => {
  const text = `services:
  app: {image: nginx}
  ingress:
    image: dstack-ingress
    restart: always
    ports: [{published: 443, target: 443}]
    environment: [DOMAIN=app.example.com, TARGET_ENDPOINT=app:80, GATEWAY_DOMAIN=_.gw.example.net,
      "CLOUDFLARE_API_TOKEN=\${CLOUDFLARE_API_TOKEN}", APP_ID=${'a'.repeat(40)}]
    volumes: [{type: volume, source: le, target: /etc/letsencrypt}]
volumes: {le: }
`;
  assert.deepEqual(complaintsAbout(readCompose(text, needed)), []);
});

test('a variable of compose without a value is an error', () => {
  assert.throws(() => readCompose(GOOD, {}), /no value for \$\{CLOUDFLARE_API_TOKEN\}/);
  assert.throws(() => interpolate('$CLOUDFLARE', everything), /dollar sign/);
  assert.equal(interpolate(`$$x \${NO:-default} \${NO:-}`, {}), '$x default ');
});

test('a duplicate key is an error', () => {
  const twice = GOOD.replace('      SET_CAA:', '      DOMAIN: b.example.com\n      SET_CAA:');
  assert.throws(() => readCompose(twice, everything), /unique/);
});
