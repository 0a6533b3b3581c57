import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CurrentRecord } from '../dns/record.ts';
import { desiredRecords } from './desired.ts';
import {
  type AddressMode,
  decideAllOwnerships,
  decideOwnership,
  type Ownership,
  ownerChanges,
} from './ownership.ts';

const NAME = '_dstack-app-address.app.example.com';
const txt = (value: string, name = NAME): CurrentRecord => ({ name, type: 'TXT', value, ttl: 60 });
const own = txt('bb:443');

const table: [
  title: string,
  mode: AddressMode,
  claimed: boolean,
  values: string[],
  ownership: Ownership,
  otherOwner?: string,
][] = [
  ['a start claims a free name', 'claim', false, [], 'claim'],
  ['a start claims a name of another container', 'claim', false, ['aa:443'], 'claim'],
  ['a start claims its own name', 'claim', false, ['bb:443'], 'claim'],
  ['a claimed name with our value is retained', 'claim', true, ['bb:443'], 'retain'],
  ['a claimed name without a value is retained', 'claim', true, [], 'retain'],
  ['a claimed name that another container took is yielded', 'claim', true, ['cc:443'], 'yield', 'cc:443'],
  ['our app id with another port is another value', 'claim', true, ['bb:8443'], 'yield', 'bb:8443'],
  [
    'of two values the lower one stays: that of the other container',
    'claim',
    true,
    ['bb:443', 'aa:443'],
    'yield',
    'aa:443',
  ],
  ['of two values the lower one stays: ours', 'claim', true, ['cc:443', 'bb:443'], 'retain'],
  ['of three values the lowest one stays', 'claim', true, ['cc:443', 'bb:443', 'aa:443'], 'yield', 'aa:443'],
  ['of two other owners the lower one is reported', 'claim', true, ['dd:443', 'cc:443'], 'yield', 'cc:443'],
  ['a value that is no address never wins against ours', 'claim', true, ['no address', 'bb:443'], 'retain'],
  [
    'a value that is no address owns the name when it is alone',
    'claim',
    true,
    ['no address'],
    'yield',
    'no address',
  ],
  ['a standby publishes at a free name', 'hold', false, [], 'retain'],
  ['a standby retains its own name', 'hold', false, ['bb:443'], 'retain'],
  ['a standby claims no name at its start', 'hold', false, ['aa:443'], 'yield', 'aa:443'],
  ['a standby claims no name later', 'hold', true, ['cc:443'], 'yield', 'cc:443'],
  ['a standby with the lower of two values retains the name', 'hold', false, ['bb:443', 'cc:443'], 'retain'],
  ['a standby with the higher of two values yields', 'hold', true, ['bb:443', 'aa:443'], 'yield', 'aa:443'],
];
for (const [title, mode, claimed, values, ownership, otherOwner] of table) {
  test(title, () => {
    const foreign = [
      txt('aa:1', 'app.example.com'),
      { ...txt('aa:1'), type: 'CAA' },
      txt('aa:1', `x.${NAME}`),
    ];
    const current = [...foreign, ...values.map((value) => txt(value))];
    const expected = otherOwner === undefined ? { ownership } : { ownership, otherOwner };
    assert.deepEqual(decideOwnership({ mode, claimed, current, own }), expected);
    assert.deepEqual(
      decideOwnership({ mode, claimed, current: current.toReversed(), own }),
      expected,
      'the order of the records does not matter',
    );
  });
}

const caa = [{ issuer: 'ca.example', accountUrl: 'https://ca.example/acct/1' }];
const recordsOf = (domain: string) =>
  desiredRecords(
    { domain, alias: { target: 'gw.example.net' }, appId: 'bb', port: 443, txtPrefix: 'p', caa },
    (seconds) => seconds,
  );
const names = ['example.com', '*.example.com', 'www.example.com'];
const desired = names.flatMap(recordsOf);

test('each name has its own ownership, and a record has that of the name that it is desired for', () => {
  const current = [txt('aa:443', 'p-wildcard.example.com'), txt('aa:443', 'p.www.example.com')];
  const claimed = new Set(['example.com', '*.example.com']);
  const { ownershipOf } = decideAllOwnerships(desired, current, { mode: 'claim', claimed });
  const ownerships = (domain: string) => [...new Set(recordsOf(domain).map(ownershipOf))];
  assert.deepEqual(names.map(ownerships), [['retain'], ['yield'], ['claim']]);
  assert.equal(
    ownershipOf({ purpose: 'caa', ...txt('x') }),
    'claim',
    'a record for no served name is claimed',
  );
});

test('a change of the owner is reported once, and again at the next change', () => {
  const before = new Map<string, string>();
  const changes = (value: string | undefined, mode: AddressMode = 'claim') => {
    const current = value === undefined ? [] : [txt(value, 'p.www.example.com')];
    const decisions = decideAllOwnerships(recordsOf('www.example.com'), current, {
      mode,
      claimed: new Set(['www.example.com']),
    });
    return ownerChanges(decisions, before).map(({ domain, otherOwner }) => {
      if (otherOwner === undefined) before.delete(domain);
      else before.set(domain, otherOwner);
      return [domain, otherOwner];
    });
  };
  const domain = 'www.example.com';
  assert.deepEqual(changes('bb:443'), []);
  assert.deepEqual(changes('aa:443'), [[domain, 'aa:443']]);
  assert.deepEqual(changes('aa:443'), []);
  assert.deepEqual(changes('cc:443'), [[domain, 'cc:443']]);
  assert.deepEqual(changes(undefined), [[domain, undefined]]);
  assert.deepEqual(changes(undefined), []);
  assert.deepEqual(changes('aa:443'), [[domain, 'aa:443']], 'the same other owner returns');
  assert.deepEqual(changes('dd:443', 'hold'), [[domain, 'dd:443']]);
});
