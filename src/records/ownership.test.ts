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
  rival?: string,
][] = [
  ['a start takes a name that nobody has', 'claim', false, [], 'claim'],
  ['a start takes what another container has', 'claim', false, ['aa:443'], 'claim'],
  ['a start takes what is its own', 'claim', false, ['bb:443'], 'claim'],
  ['what was claimed and stands is kept', 'claim', true, ['bb:443'], 'retain'],
  ['what was claimed and is missing is kept', 'claim', true, [], 'retain'],
  ['what another one took is left', 'claim', true, ['cc:443'], 'yield', 'cc:443'],
  ['another port is another value', 'claim', true, ['bb:8443'], 'yield', 'bb:8443'],
  ['of two values the lower one stays: not ours', 'claim', true, ['bb:443', 'aa:443'], 'yield', 'aa:443'],
  ['of two values the lower one stays: ours', 'claim', true, ['cc:443', 'bb:443'], 'retain'],
  ['of three values the lowest one stays', 'claim', true, ['cc:443', 'bb:443', 'aa:443'], 'yield', 'aa:443'],
  ['of two others the lower one is named', 'claim', true, ['dd:443', 'cc:443'], 'yield', 'cc:443'],
  ['what is no address never wins beside ours', 'claim', true, ['a note', 'bb:443'], 'retain'],
  ['what is no address is not taken either', 'claim', true, ['a note'], 'yield', 'a note'],
  ['a standby publishes what is missing', 'hold', false, [], 'retain'],
  ['a standby keeps what is its own', 'hold', false, ['bb:443'], 'retain'],
  ['a standby takes nothing at its start', 'hold', false, ['aa:443'], 'yield', 'aa:443'],
  ['a standby takes nothing later', 'hold', true, ['cc:443'], 'yield', 'cc:443'],
  ['a standby heeds the order beside its own value', 'hold', false, ['bb:443', 'cc:443'], 'retain'],
  ['a standby withdraws by the order too', 'hold', true, ['bb:443', 'aa:443'], 'yield', 'aa:443'],
];
for (const [title, mode, claimed, values, ownership, rival] of table) {
  test(title, () => {
    const strangers = [
      txt('aa:1', 'app.example.com'),
      { ...txt('aa:1'), type: 'CAA' },
      txt('aa:1', `x.${NAME}`),
    ];
    const live = [...strangers, ...values.map((value) => txt(value))];
    const expected = rival === undefined ? { ownership } : { ownership, otherOwner: rival };
    assert.deepEqual(decideOwnership({ mode, claimed, current: live, own }), expected);
    assert.deepEqual(
      decideOwnership({ mode, claimed, current: live.toReversed(), own }),
      expected,
      'in any order',
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

test('each name is decided by itself, and its records by the name that wants them', () => {
  const live = [txt('aa:443', 'p-wildcard.example.com'), txt('aa:443', 'p.www.example.com')];
  const claimed = new Set(['example.com', '*.example.com']);
  const { ownershipOf } = decideAllOwnerships(desired, live, { mode: 'claim', claimed });
  const ownerships = (domain: string) => [...new Set(recordsOf(domain).map(ownershipOf))];
  assert.deepEqual(names.map(ownerships), [['retain'], ['yield'], ['claim']]);
  assert.equal(ownershipOf({ purpose: 'caa', ...txt('x') }), 'claim', 'a record of no name is taken as ever');
});

test('a change of the holder is told once, and again when it changes again', () => {
  const before = new Map<string, string>();
  const told = (value: string | undefined, mode: AddressMode = 'claim') => {
    const live = value === undefined ? [] : [txt(value, 'p.www.example.com')];
    const claims = decideAllOwnerships(recordsOf('www.example.com'), live, {
      mode,
      claimed: new Set(['www.example.com']),
    });
    return ownerChanges(claims, before).map(({ domain, otherOwner, sentence }) => {
      if (otherOwner === undefined) before.delete(domain);
      else before.set(domain, otherOwner);
      return sentence;
    });
  };
  assert.deepEqual(told('bb:443'), []);
  const [lost = '', ...more] = told('aa:443');
  assert.deepEqual(more, []);
  assert.match(lost, /^another container has www\.example\.com: p\.www\.example\.com TXT aa:443 stands/);
  assert.match(lost, /Stop one of the two; restart this container .* APP_ADDRESS_MODE=hold for a standby/);
  assert.deepEqual(told('aa:443'), []);
  assert.match(told('cc:443').join(), /TXT cc:443/);
  assert.match(told(undefined).join(), /cc:443 is gone.*goes on/);
  assert.deepEqual(told(undefined), []);
  assert.deepEqual(told('aa:443'), [lost], 'the same other value comes back');
  assert.match(told('dd:443', 'hold').join(), /TXT dd:443 .* standby .* stop the other container and remove/);
});
