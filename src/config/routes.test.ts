import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEndpoint } from './endpoint.ts';
import type { FaultKind, ValueFault } from './faults.ts';
import { parseRoutingMap } from './lists.ts';
import { planRoutes, type Route, type RouteSettings } from './routes.ts';
import type { ConfigWarning } from './warnings.ts';

function endpoint(text: string) {
  const read = parseEndpoint(text);
  assert.ok(!('wrong' in read), text);
  return read;
}

function map(text: string) {
  const read = parseRoutingMap(text);
  assert.ok(!('wrong' in read), text);
  return read;
}

const never = () => false;
const NAME = 'app.example.com';
const one = (target: string, more: RouteSettings = {}) =>
  planRoutes({ domain: NAME, targetEndpoint: endpoint(target), ...more }, never, never);
const shown = ({ name, target, alpn }: Route) =>
  `${name} ${target.host}:${target.port} ${target.speaks}${target.tls ? ' tls' : ''} [${alpn.join()}]`;

const decided: [target: string, more: RouteSettings, expected: string][] = [
  ['app:80', {}, 'app:80 tcp [http/1.1]'],
  ['tcp://app:22', { evidenceServer: false }, 'app:22 tcp []'],
  ['http://app', {}, 'app:80 http/1.1 [h2,http/1.1]'],
  ['https://app', {}, 'app:443 http/1.1 tls [h2,http/1.1]'],
  ['grpc://app:1', { evidenceServer: false }, 'app:1 h2 [h2]'],
  ['grpcs://app:1', {}, 'app:1 h2 tls [h2]'],
  ['postgres://db', {}, 'db:5432 tcp [postgresql,http/1.1]'],
  ['postgresql://db:6432', { evidenceServer: false }, 'db:6432 tcp [postgresql]'],
  ['postgres://db', { proxyMode: 'tcp', evidenceServer: false }, 'db:5432 tcp [postgresql]'],
  ['pop3://mail', {}, 'mail:110 tcp [pop3,http/1.1]'],
  ['MQTT://broker:1884', {}, 'broker:1884 tcp [mqtt,http/1.1]'],
  ['http://app', { alpn: ['http/1.1'] }, 'app:80 http/1.1 [http/1.1]'],
  ['app:1', { alpn: ['stun.turn'] }, 'app:1 tcp [stun.turn]'],
  ['http://app', { proxyMode: 'tcp' }, 'app:80 tcp [http/1.1]'],
  ['http://app', { proxyMode: 'tcp', evidenceServer: false }, 'app:80 tcp []'],
  ['https://app', { proxyMode: 'tcp' }, 'app:443 tcp tls [http/1.1]'],
  ['grpc://app:1', { proxyMode: 'tcp' }, 'app:1 tcp [h2]'],
  ['grpcs://app:1', { proxyMode: 'tcp' }, 'app:1 tcp tls [h2]'],
  ['grpcs://app:1', { proxyMode: 'auto' }, 'app:1 h2 tls [h2]'],
];
for (const [target, more, expected] of decided) {
  test(`${target} with ${JSON.stringify(more)} is ${expected}`, () => {
    const { routes, faults } = one(target, more);
    assert.deepEqual(faults, []);
    assert.deepEqual(routes.map(shown), [`${NAME} ${expected}`]);
  });
}

test('an endpoint with a password is not shown', () => {
  for (const text of ['postgres://user:hunter2@db:5432', 'hunter2://user:a,b#c\nd@db', 'user:hunter2@db']) {
    const read = parseEndpoint(text);
    assert.ok('wrong' in read);
    assert.equal(read.wrong.kind, 'contains-credentials');
    assert.doesNotMatch(JSON.stringify(read), /hunter2/);
  }
});

test('the order is DOMAIN, DOMAINS, other names of ROUTING_MAP; its entries take precedence over TARGET_ENDPOINT', () => {
  const { routes, faults, warnings } = planRoutes(
    {
      domain: 'a.example.com',
      domains: ['c.example.com', 'b.example.com', 'a.example.com'],
      routingMap: map('d.example.com=d:4, b.example.com=http://b'),
      targetEndpoint: endpoint('app:1'),
      evidenceServer: false,
    },
    never,
    () => true,
  );
  assert.deepEqual(faults, []);
  assert.deepEqual(routes.map(shown), [
    'a.example.com app:1 tcp []',
    'c.example.com app:1 tcp []',
    'b.example.com b:80 http/1.1 [h2,http/1.1]',
    'd.example.com d:4 tcp []',
  ]);
  assert.deepEqual(warnings, [{ kind: 'unused', variable: 'TARGET_TLS_VERIFY', reason: 'no-tls-target' }]);
});

test('ROUTING_MAP alone is enough', () => {
  const { routes, faults } = planRoutes({ routingMap: map('a.example.com=a:1') }, never, never);
  assert.deepEqual([faults, routes.length], [[], 1]);
});

test('an alias has the target of DOMAIN unless it has an entry; a name in a group is treated like one in DOMAINS', () => {
  const settings = {
    domain: NAME,
    aliasDomains: ['www.example.com', 'b.example.com'],
    certGroups: [[NAME, 'c.example.com'] as const],
    routingMap: map(`${NAME}=http://a/path, b.example.com=b:2`),
    targetEndpoint: endpoint('app:1'),
    evidenceServer: false,
  };
  const { routes, faults, warnings } = planRoutes(settings, never, never);
  assert.deepEqual(faults, []);
  assert.deepEqual(routes.map(shown), [
    `${NAME} a:80 http/1.1 [h2,http/1.1]`,
    'www.example.com a:80 http/1.1 [h2,http/1.1]',
    'b.example.com b:2 tcp []',
    'c.example.com app:1 tcp []',
  ]);
  assert.deepEqual(warnings, [{ kind: 'ignored-path', variable: 'ROUTING_MAP', path: '/path', entry: NAME }]);
});

type ExpectedFault = [variable: string, kind: FaultKind, details?: ValueFault['details']];
const wrong: [title: string, settings: RouteSettings, faults: ExpectedFault[]][] = [
  [
    'nothing at all',
    {},
    [
      ['DOMAIN', 'missing'],
      ['TARGET_ENDPOINT', 'missing'],
    ],
  ],
  ['no target', { domain: NAME }, [['TARGET_ENDPOINT', 'missing']]],
  ['no name', { targetEndpoint: endpoint('app:1') }, [['DOMAIN', 'missing']]],
  [
    'names without a target',
    { domain: NAME, domains: ['api.example.com', 'b.example.com'], routingMap: map('b.example.com=b:1') },
    [
      ['DOMAIN', 'incomplete', { name: 'app.example.com' }],
      ['DOMAINS', 'incomplete', { name: 'api.example.com' }],
    ],
  ],
  [
    'no target, with an alias',
    { domain: NAME, aliasDomains: ['b.example.com'] },
    [['TARGET_ENDPOINT', 'missing']],
  ],
  [
    'a group with a name without a target',
    { certGroups: [['a.example.com', 'b.example.com']], routingMap: map('b.example.com=b:1') },
    [['CERT_GROUPS', 'incomplete', { name: 'a.example.com' }]],
  ],
  [
    'groups without a target',
    { certGroups: [['a.example.com']] },
    [['CERT_GROUPS', 'incomplete', { name: 'a.example.com' }]],
  ],
  [
    'TLS to an address, reported once',
    { domain: NAME, domains: ['b.example.com'], targetEndpoint: endpoint('https://10.0.0.1') },
    [['TARGET_ENDPOINT', 'unverifiable', { host: '10.0.0.1' }]],
  ],
  [
    'TLS to an address, in an entry',
    { routingMap: map('a.example.com=grpcs://[::1]:1') },
    [['ROUTING_MAP', 'unverifiable', { host: '::1' }]],
  ],
  [
    'TLS to an address that is not checked',
    { domain: NAME, targetEndpoint: endpoint('https://10.0.0.1'), targetTlsVerify: false },
    [],
  ],
];
for (const [title, settings, expected] of wrong) {
  test(`faults: ${title}`, () => {
    const { faults } = planRoutes(settings, never, never);
    assert.deepEqual(
      faults.map(({ variable, kind, details }) => [variable, kind, details]),
      expected.map(([variable, kind, details]) => [variable, kind, details]),
    );
    assert.ok(faults.every(({ fix }) => fix !== ''));
  });
}

test('a fault that only follows from another is not reported', () => {
  const faulty = ['DOMAIN', 'DOMAINS', 'CERT_GROUPS'].map((variable) => [variable, 'TARGET_ENDPOINT']);
  for (const known of [...faulty, ['ROUTING_MAP']])
    assert.deepEqual(planRoutes({}, (variable) => known.includes(variable), never).faults, []);
});

const warned: [
  title: string,
  target: string,
  more: RouteSettings,
  set: string[],
  expected: ConfigWarning[],
][] = [
  ['none', 'https://app', { targetCaFile: '/ca' }, ['TARGET_CA_FILE', 'TARGET_TLS_VERIFY'], []],
  [
    'a path',
    'http://app/path',
    {},
    [],
    [{ kind: 'ignored-path', variable: 'TARGET_ENDPOINT', path: '/path' }],
  ],
  [
    'a path in an entry, and a target that no name uses',
    'app:1',
    { routingMap: map(`${NAME}=http://app/path`) },
    ['TARGET_ENDPOINT'],
    [
      { kind: 'ignored-path', variable: 'ROUTING_MAP', path: '/path', entry: NAME },
      { kind: 'unused', variable: 'TARGET_ENDPOINT', reason: 'every-name-routed' },
    ],
  ],
  [
    'a CA file and verification without a TLS target',
    'http://app',
    { targetCaFile: '/ca' },
    ['TARGET_TLS_VERIFY'],
    [
      { kind: 'unused', variable: 'TARGET_CA_FILE', reason: 'no-tls-target' },
      { kind: 'unused', variable: 'TARGET_TLS_VERIFY', reason: 'no-tls-target' },
    ],
  ],
  [
    'a CA file while verification is off',
    'https://app',
    { targetCaFile: '/ca', targetTlsVerify: false },
    ['TARGET_TLS_VERIFY'],
    [{ kind: 'unused', variable: 'TARGET_CA_FILE', reason: 'not-verified' }],
  ],
  ['TLS to the app, also for bytes', 'https://app', { proxyMode: 'tcp' }, ['TARGET_TLS_VERIFY'], []],
  [
    'gRPC without HTTP/2',
    'grpcs://app:1',
    { alpn: ['http/1.1'] },
    [],
    [
      {
        ...{ kind: 'protocol-not-offered', variable: 'ALPN' },
        ...{ protocols: ['h2'], clients: 'gRPC clients', scheme: 'grpcs' },
      },
    ],
  ],
  [
    'PostgreSQL without its protocol',
    'postgres://db',
    { alpn: ['h2', 'http/1.1'] },
    [],
    [
      {
        ...{ kind: 'protocol-not-offered', variable: 'ALPN', protocols: ['postgresql'] },
        ...{ clients: 'PostgreSQL clients with sslnegotiation=direct', scheme: 'postgres' },
      },
    ],
  ],
  ['IMAP without its protocol, which clients do not insist on', 'imap://mail', { alpn: ['h2'] }, [], []],
  ['gRPC with HTTP/2 among others', 'grpc://app:1', { alpn: ['h2', 'http/1.1'] }, [], []],
];
for (const [title, target, more, set, expected] of warned) {
  test(`warnings: ${title}`, () => {
    const settings = { domain: NAME, targetEndpoint: endpoint(target), ...more };
    const { warnings } = planRoutes(settings, never, (variable) => set.includes(variable));
    assert.deepEqual(warnings, expected);
  });
}
