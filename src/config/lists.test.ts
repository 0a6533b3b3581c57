import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entriesOf, parseGroups, parseNames, parseRoutingMap } from './lists.ts';

test('entries stand on lines or between commas, with comments and blank lines', () => {
  const text = ' a, b # one, two\r\n\n# c\n  ,d,\n';
  assert.deepEqual(entriesOf(text), ['a', 'b', 'd']);
});

test('names are read like DOMAIN, each once', () => {
  const text = 'APP.example.com.\napp.example.com, *.example.com\nbücher.example';
  assert.deepEqual(parseNames(text), ['app.example.com', '*.example.com', 'xn--bcher-kva.example']);
});

test('a thousand names and more', () => {
  const many = Array.from({ length: 1500 }, (_, index) => `n${index}.example.com`);
  assert.deepEqual(parseNames(many.join('\n')), many);
});

test('each wrong name is said', () => {
  assert.deepEqual(parseNames('localhost\napp.example.com\n1.2.3.4, a b'), {
    wrong: ['localhost', '1.2.3.4', 'a b'].map((name) => ({
      problem: `contains something that is not a domain name: "${name}"`,
    })),
  });
});

test('groups stand on lines or between semicolons, their names between commas or spaces', () => {
  const text = `
    example.com,*.example.com; a.example.org  b.example.org # two; not.example.net
    # c.example.net
    ,BÜCHER.example.,\tbücher.example ;; ;
    one.example.net`;
  assert.deepEqual(parseGroups(text), [
    ['example.com', '*.example.com'],
    ['a.example.org', 'b.example.org'],
    ['xn--bcher-kva.example'],
    ['one.example.net'],
  ]);
  assert.deepEqual(parseGroups('a.example.com\r\nb.example.com'), [['a.example.com'], ['b.example.com']]);
  assert.deepEqual(parseGroups('# nothing'), []);
});

test('each wrong word of the groups, and each name in two of them, is said once', () => {
  const found = parseGroups(
    'a.example.com, localhost; b.example.com 1.2.3.4 localhost\nA.example.com c.example.com; a.example.com',
  );
  assert.ok('wrong' in found);
  assert.deepEqual(
    found.wrong.map(({ problem }) => problem),
    [
      'contains something that is not a domain name: "localhost"',
      'contains something that is not a domain name: "1.2.3.4"',
      'has a.example.com in two groups; the second is "A.example.com c.example.com"',
    ],
  );
});

test('a routing map has endpoints in every form, and the same twice is no fault', () => {
  const map = parseRoutingMap(`
    app.example.com = http://app   # the site
    api.example.com=grpcs://api:50051, *.x.example.com=tcp://[::1]:22
    APP.example.com=http://App:80
  `);
  assert.ok(map instanceof Map);
  const shown = [...map].map(([name, { scheme, host, port }]) => `${name} ${scheme} ${host} ${port}`);
  assert.deepEqual(shown, [
    'app.example.com http app 80',
    'api.example.com grpcs api 50051',
    '*.x.example.com tcp ::1 22',
  ]);
});

test('each wrong entry of a routing map is quoted, with what is wrong with it', () => {
  const found = parseRoutingMap(
    'api.example.com\nlocalhost=app:80\na.example.com=app\na.example.com=ftp://x:1\nb.example.com=b:1,b.example.com=b:2',
  );
  assert.ok('wrong' in found);
  const problems = found.wrong.map(({ problem }) => problem);
  assert.deepEqual(problems, [
    'contains an entry that is not name=endpoint: "api.example.com"',
    'contains an entry whose name is not a domain name: "localhost=app:80"',
    'contains an entry whose endpoint has no port from 1 to 65535 (in "a.example.com=app")',
    'contains an entry whose endpoint has a scheme that is none of tcp, http, https, grpc, grpcs, postgres, postgresql, mqtt, xmpp, imap, pop3, irc: ftp (use tcp for any other protocol) (in "a.example.com=ftp://x:1")',
    'gives b.example.com two targets; the second is in "b.example.com=b:2"',
  ]);
});

const AT = 'contains an "@": an endpoint is only scheme, host and port; credentials come from the clients';
const SCHEMES = 'tcp, http, https, grpc, grpcs, postgres, postgresql, mqtt, xmpp, imap, pop3, irc';
const withPasswords: readonly [text: string, problems: readonly string[]][] = [
  ['postgres://user:hunter2@db:5432', ['contains an entry that is not name=endpoint: entry 1']],
  [
    'a.example=db://me:hunt=/@er2@db/x',
    [`contains an entry whose endpoint ${AT} (in entry 1, for a.example)`],
  ],
  ['hunter2=db@db:1', ['contains an entry whose name is not a domain name: entry 1']],
  ['https://hunter2.example/=db@db:1', ['contains an entry whose name is not a domain name: entry 1']],
  ...[',', '\n'].map((separator): [string, string[]] => [
    `b.example=b:1,a.example=postgres://user:hunt${separator}er2@db:5432`,
    [
      'contains an entry whose endpoint is not host:port or scheme://host:port (in entry 2, for a.example)',
      'contains an entry that is not name=endpoint: entry 3',
    ],
  ]),
  [
    'a.example=postgres://user:hunt#er2@db:5432',
    ['contains an entry whose endpoint is not host:port or scheme://host:port (in entry 1, for a.example)'],
  ],
  [
    'a.example=hunter2://db#@db',
    [
      `contains an entry whose endpoint has a scheme that is none of ${SCHEMES} (use tcp for any other protocol) (in entry 1, for a.example)`,
    ],
  ],
  [
    'a.example=a:1,a.example=hunter2:2 # @',
    ['gives a.example two targets; the second is in entry 2, for a.example'],
  ],
];
for (const [text, expected] of withPasswords) {
  test(`no entry is shown where an "@" may follow a password: ${JSON.stringify(text)}`, () => {
    const found = parseRoutingMap(text);
    assert.ok('wrong' in found);
    assert.deepEqual(
      found.wrong.map(({ problem }) => problem),
      expected,
    );
    assert.doesNotMatch(JSON.stringify(found), /hunt|er2/);
  });
}
