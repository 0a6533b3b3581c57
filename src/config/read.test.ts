import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindsOf } from '../../test/harness/config.ts';
import { ConfigError, describeFaults, type Fault } from './faults.ts';
import { quote } from './quote.ts';
import { type Environment, readTable } from './read.ts';
import { integer, secretText, text } from './types.ts';
import { optional, required, withDefault } from './variable.ts';

const words = (name: string) => ({ name, help: 'Helps.', fix: `Set ${name}.` });
const anything = text('text', /^.*$/s, 'is wrong');
const table = {
  needed: required(anything, words('NEEDED')),
  maybe: optional(integer('number', 1, 9), { ...words('MAYBE'), aliases: ['OLDER', 'OLDEST'] }),
  usual: withDefault(integer('number', 1, 9), '3', words('USUAL')),
  secret: optional(secretText, { ...words('SECRET'), aliases: ['OLD_SECRET'], secret: true }),
};
const files: Readonly<Record<string, string>> = {
  '/token': ' hush-hush\n',
  '/broken': 'hush-\nhush\n',
  '/quoted': "'hush-hush'\n",
  '/empty': ' \n',
};
const readFile = (path: string): string => {
  const content = files[path];
  if (content !== undefined) return content;
  throw Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' });
};
const read = (environment: Environment) => readTable(table, { NEEDED: 'x', ...environment }, readFile);
const faulty = (environment: Environment) => kindsOf(read(environment).faults);

test('an unset variable is undefined, its default, or a fault with its fix', () => {
  const { values, faults, warnings } = readTable(table, {}, readFile);
  assert.deepEqual(values, { needed: undefined, maybe: undefined, usual: 3, secret: undefined });
  assert.deepEqual(faults, [
    {
      variable: 'NEEDED',
      kind: 'missing',
      problem: 'is not set',
      fix: 'Set NEEDED.',
      missing: ['NEEDED'],
    },
  ]);
  assert.deepEqual(warnings, []);
});

for (const empty of ['', ' ', '\n\t']) {
  test(`${JSON.stringify(empty)} counts as not set`, () => {
    assert.deepEqual(faulty({ NEEDED: empty }), ['NEEDED missing']);
    assert.equal(read({ USUAL: empty }).values.usual, 3);
    assert.equal(read({ MAYBE: empty, OLDER: '5' }).values.maybe, 5);
  });
}

test('surrounding space is trimmed, and quotes are part of the value', () => {
  assert.equal(read({ NEEDED: ' a b\n' }).values.needed, 'a b');
  assert.equal(read({ NEEDED: '"a"' }).values.needed, '"a"');
});

const aliases: [
  environment: Environment,
  value: number | undefined,
  differ?: [variable: string, ignored: string],
][] = [
  [{ OLDER: '5' }, 5],
  [{ OLDEST: '6', OLDER: '5' }, 5, ['OLDER', 'OLDEST']],
  [{ MAYBE: '4', OLDER: '5' }, 4, ['MAYBE', 'OLDER']],
  [{ MAYBE: '4', OLDER: ' 4 ' }, 4],
];
for (const [environment, value, differ] of aliases) {
  test(`${JSON.stringify(environment)} is ${value}`, () => {
    const { values, warnings } = read(environment);
    const [variable, ignored] = differ ?? [];
    assert.equal(values.maybe, value);
    assert.deepEqual(warnings, differ ? [{ kind: 'aliases-differ', variable, ignored }] : []);
  });
}

test('a fault names the variable as it was set', () => {
  assert.deepEqual(faulty({ OLDER: 'many' }), ['OLDER not-a-number']);
  assert.deepEqual(faulty({ USUAL: '10' }), ['USUAL out-of-range']);
});

test('one wrong value hides no other fault', () => {
  assert.deepEqual(faulty({ NEEDED: '', MAYBE: 'x', USUAL: 'y', SECRET: 'a b' }), [
    ...['NEEDED missing', 'MAYBE not-a-number', 'USUAL not-a-number', 'SECRET invalid-characters'],
  ]);
});

const secrets: [title: string, environment: Environment, removed?: string][] = [
  ['as a plain value', { SECRET: 'hush-hush' }],
  ['in quotes', { SECRET: '"hush-hush"' }, 'SECRET quotes-removed'],
  ['with a trailing line break', { SECRET: 'hush-hush\n' }, 'SECRET line-break-removed'],
  ['with a line break inside', { SECRET: 'hush-\r\n  hush' }, 'SECRET line-break-removed'],
  ['in a file', { SECRET_FILE: '/token' }],
  ['in a file, with a line break inside', { SECRET_FILE: '/broken' }, 'SECRET line-break-removed'],
  ['in a file, in quotes', { SECRET_FILE: ' /quoted ' }, 'SECRET quotes-removed'],
  ['in a file, beside an empty variable', { SECRET: '', SECRET_FILE: '/token' }],
  ['in the file of an older name', { OLD_SECRET_FILE: '/token' }],
];
for (const [title, environment, removed] of secrets) {
  test(`a secret ${title} is read${removed ? ', with a warning' : ''}`, () => {
    const { values, faults, warnings } = read(environment);
    assert.deepEqual(faults, []);
    assert.equal(values.secret?.reveal(), 'hush-hush');
    assert.deepEqual(
      warnings.map(({ variable, kind }) => `${variable} ${kind}`),
      removed ? [removed] : [],
    );
    assert.doesNotMatch(JSON.stringify(warnings), /hush/);
  });
}

for (const value of ['"hush', 'hush"', '"', '\'hush"']) {
  test(`a single quote mark belongs to the secret: ${value}`, () =>
    assert.equal(read({ SECRET: value }).values.secret?.reveal(), value));
}

const secretFaults: [environment: Environment, fault: string, details?: object][] = [
  [{ SECRET: 'x', SECRET_FILE: '/token' }, 'SECRET conflicting'],
  [{ SECRET_FILE: '/empty' }, 'SECRET_FILE empty-file'],
  [{ SECRET_FILE: '/nowhere' }, 'SECRET_FILE unreadable-file', { code: 'ENOENT' }],
];
for (const [environment, expected, details] of secretFaults) {
  test(`${JSON.stringify(environment)}: ${expected}`, () => {
    const { faults } = read(environment);
    assert.deepEqual(kindsOf(faults), [expected]);
    assert.deepEqual(faults[0]?.details, details);
  });
}

test('a secret that was taken for the path of its file is not shown', () => {
  const faults = read({ SECRET_FILE: 'hush-hush' }).faults;
  assert.deepEqual(kindsOf(faults), ['SECRET_FILE unreadable-file']);
  assert.doesNotMatch(JSON.stringify(faults) + describeFaults({ faults, warnings: [] }), /hush/);
});

test('only secrets can be read from files', () => {
  assert.equal(read({ MAYBE_FILE: '/token' }).values.maybe, undefined);
});

test('all faults are one error, whose text lists each of them', () => {
  const faults = ['A', 'B'].map((variable): Fault => {
    return { variable, kind: 'missing', problem: 'is not set', fix: `Set ${variable}.` };
  });
  const error = new ConfigError(faults);
  assert.equal(error.code, 'CONFIG_INVALID');
  assert.equal(error.retryable, false);
  assert.deepEqual(error.details, { faults });
  for (const text of [error.message, describeFaults(error)])
    assert.match(text, /A is not set[\s\S]*B is not set/);
  for (const { fix } of faults) assert.ok(describeFaults(error).includes(fix));
});

const quotes: [value: string, shown: string][] = [
  ['plain', '"plain"'],
  ['a"b\n', '"a\\"b\\n"'],
  ['a\u200bb', '"a\\u200bb"'],
  ['\u202eabc\ufeff', '"\\u202eabc\\ufeff"'],
  ['\u0000\u001b[31m\u007f\u009b', '"\\u0000\\u001b[31m\\u007f\\u009b"'],
  ['bücher', '"bücher"'],
  ['x'.repeat(80), `"${'x'.repeat(80)}"`],
  ['x'.repeat(81), `"${'x'.repeat(80)}…"`],
];
for (const [value, shown] of quotes) {
  test(`${JSON.stringify(value).slice(0, 30)} is quoted so that every character is visible`, () =>
    assert.equal(quote(value), shown));
}
