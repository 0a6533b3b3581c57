import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FaultKind, ValueFault } from './faults.ts';
import { entriesOf, parseGroups, parseNames, parseRoutingMap } from './lists.ts';

type FaultIn = [kind: FaultKind, details: ValueFault['details']];

/** The kind and details of each fault. */
function faultsIn(read: object): FaultIn[] {
  assert.ok('wrong' in read);
  // The parsers return either a value or these.
  return (read as { wrong: ValueFault[] }).wrong.map(({ kind, details }) => [kind, details]);
}

test('entries are separated by line breaks or commas, with comments and blank lines', () => {
  const text = ' a, b # one, two\r\n\n# c\n  ,d,\n';
  assert.deepEqual(entriesOf(text), ['a', 'b', 'd']);
});

test('names are read like DOMAIN, without duplicates', () => {
  const text = 'APP.example.com.\napp.example.com, *.example.com\nbücher.example';
  assert.deepEqual(parseNames(text), ['app.example.com', '*.example.com', 'xn--bcher-kva.example']);
});

test('lists may have more than a thousand names', () => {
  const many = Array.from({ length: 1500 }, (_, index) => `n${index}.example.com`);
  assert.deepEqual(parseNames(many.join('\n')), many);
});

test('each wrong name is a fault', () => {
  assert.deepEqual(
    faultsIn(parseNames('localhost\napp.example.com\n1.2.3.4, a b')),
    ['localhost', '1.2.3.4', 'a b'].map((entry) => ['not-a-domain-name', { entry }]),
  );
});

test('groups are separated by line breaks or semicolons, their names by commas or spaces', () => {
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

test('each wrong word in groups, and each name in two groups, is one fault', () => {
  const found = parseGroups(
    'a.example.com, localhost; b.example.com 1.2.3.4 localhost\nA.example.com c.example.com; a.example.com',
  );
  assert.deepEqual(faultsIn(found), [
    ['not-a-domain-name', { entry: 'localhost' }],
    ['not-a-domain-name', { entry: '1.2.3.4' }],
    ['duplicate', { name: 'a.example.com', entry: 'A.example.com c.example.com' }],
  ]);
});

test('a routing map accepts every form of endpoint, and the same entry twice', () => {
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
  assert.deepEqual(faultsIn(found), [
    ['not-an-entry', { entry: 'api.example.com' }],
    ['not-a-domain-name', { entry: 'localhost=app:80' }],
    ['out-of-range', { entry: 'a.example.com=app' }],
    ['unknown-scheme', { entry: 'a.example.com=ftp://x:1' }],
    ['duplicate', { entry: 'b.example.com=b:2', name: 'b.example.com' }],
  ]);
});

const withPasswords: readonly [text: string, faults: readonly FaultIn[]][] = [
  ['postgres://user:hunter2@db:5432', [['not-an-entry', { number: 1 }]]],
  ['a.example=db://me:hunt=/@er2@db/x', [['contains-credentials', { number: 1, name: 'a.example' }]]],
  ['hunter2=db@db:1', [['not-a-domain-name', { number: 1 }]]],
  ['https://hunter2.example/=db@db:1', [['not-a-domain-name', { number: 1 }]]],
  ...[',', '\n'].map((separator): [string, FaultIn[]] => [
    `b.example=b:1,a.example=postgres://user:hunt${separator}er2@db:5432`,
    [
      ['not-an-endpoint', { number: 2, name: 'a.example' }],
      ['not-an-entry', { number: 3 }],
    ],
  ]),
  ['a.example=postgres://user:hunt#er2@db:5432', [['not-an-endpoint', { number: 1, name: 'a.example' }]]],
  ['a.example=hunter2://db#@db', [['unknown-scheme', { number: 1, name: 'a.example' }]]],
  ['a.example=a:1,a.example=hunter2:2 # @', [['duplicate', { number: 2, name: 'a.example' }]]],
];
for (const [text, expected] of withPasswords) {
  test(`no entry is shown where an "@" may follow a password: ${JSON.stringify(text)}`, () => {
    const found = parseRoutingMap(text);
    assert.deepEqual(faultsIn(found), expected);
    assert.doesNotMatch(JSON.stringify(found), /hunt|er2/);
  });
}
