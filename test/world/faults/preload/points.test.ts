import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actsAt, createFaultPlan, createNumbering, type Fault, stablePath } from './points.ts';

for (const [what, path, stable] of [
  [
    'the UUID of a temporary name',
    'live/a.test/cert.pem.6e5da8a3-e530-47c0-9a43-fa68b13c5adf.tmp',
    'live/a.test/cert.pem.*.tmp',
  ],
  [
    'the network of a world and the id of an account',
    'accounts/127.35.158.5:14000/dir/f94266f417c8326482392969b69bc3ba/regr.json',
    'accounts/127.*.*.5:14000/dir/*/regr.json',
  ],
  ['a token in base64url', '/authZ/c1J8yDL4mESV0b7ekGVyttgoY_qUd-c_-K2AJDTBToM', '/authZ/*'],
  ['a date', 'ledger/ca_dir/2026-11-29.jsonl', 'ledger/ca_dir/*.jsonl'],
  ['a serial number', '/certZ/1ea203a526b615cb', '/certZ/*'],
  ['a hosted zone', '/2013-04-01/hostedzone/Z1D633PJN98FT9/rrset', '/2013-04-01/hostedzone/*/rrset'],
  [
    'the id of a certificate',
    '/draft-ietf-acme-ari-03/renewalInfo/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE',
    '/draft-ietf-acme-ari-03/renewalInfo/*',
  ],
] as const) {
  test(`${what} is not part of a label`, () => assert.equal(stablePath(path), stable));
}

for (const path of ['archive/app.example.test/privkey1.pem', '/client/v4/zones', '/finalize-order', '.'])
  test(`${path} remains unchanged`, () => assert.equal(stablePath(path), path));

test('each label has its own count; numbers count all acts', () => {
  const number = createNumbering();
  const named = [
    number('rename', 'a'),
    number('sync', 'a'),
    number('rename', 'a'),
    number('POST', '/order-plz'),
  ];
  assert.deepEqual(named, [
    { number: 1, label: 'rename a #1' },
    { number: 2, label: 'sync a #1' },
    { number: 3, label: 'rename a #2' },
    { number: 4, label: 'POST /order-plz #1' },
  ]);
});

test('the possible faults depend on the kind of act', () => {
  assert.deepEqual(actsAt('POST /order-plz #1'), ['kill-before', 'kill-after']);
  assert.deepEqual(actsAt('rename a #1'), ['kill-before', 'kill-after', 'ENOSPC', 'EROFS']);
  assert.deepEqual(actsAt('write a #1').slice(4), ['kill-torn', 'torn']);
});

const RUN = [
  'open a #1',
  'write a #1',
  'rename a #1',
  'GET /dir #1',
  'mkdir b #1',
  'write b #1',
  'sync . #1',
];

/**
 * The fault that the plan injects at each act of a run; the disk is repaired before the act with
 * that number.
 */
function orders(fault: Fault, mendedAt = Number.POSITIVE_INFINITY) {
  let number = 0;
  const plan = createFaultPlan(fault, () => number >= mendedAt);
  return RUN.map((label) => {
    number += 1;
    return plan({ number, label });
  });
}

const no = undefined;
for (const [what, fault, mendedAt, expected] of [
  ['a label, once', { at: 'write a #1', act: 'EROFS' }, no, [no, 'EROFS', no, no, no, no, no]],
  ['a number, once', { at: 3, act: 'kill-after' }, no, [no, no, 'kill-after', no, no, no, no]],
  [
    'a full disk refuses acts that need space',
    { at: 2, act: 'torn', until: 'f' },
    no,
    [no, 'torn', no, no, 'ENOSPC', 'ENOSPC', no],
  ],
  [
    'a read-only disk refuses every change and no request',
    { at: 1, act: 'EROFS', until: 'f' },
    no,
    ['EROFS', 'EROFS', 'EROFS', no, 'EROFS', 'EROFS', no],
  ],
  [
    'a repaired disk stays repaired',
    { at: 2, act: 'ENOSPC', until: 'f' },
    6,
    [no, 'ENOSPC', no, no, 'ENOSPC', no, no],
  ],
] as const) {
  test(`the plan: ${what}`, () => assert.deepEqual(orders(fault, mendedAt), expected));
}

test('an act that would change nothing fails only if the fault names it', () => {
  const plan = createFaultPlan({ at: 1, act: 'EROFS', until: 'f' }, () => false);
  const orders = [1, 2, 3].map((number) => plan({ number, label: `mkdir a #${number}` }, number < 3));
  assert.deepEqual(orders, ['EROFS', undefined, 'EROFS']);
});
