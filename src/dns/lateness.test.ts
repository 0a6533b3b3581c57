import assert from 'node:assert/strict';
import { test } from 'node:test';
import { likelyCause, type Outcome } from './lateness.ts';

const has: Outcome = { hostname: 'ns1.example', serves: true, answered: true };
const lacks: Outcome = { hostname: 'ns2.example', serves: false, answered: true };
const silent: Outcome = { hostname: 'ns3.example', serves: false, answered: false };

const rows: readonly (readonly [what: string, outcomes: readonly Outcome[], cause: RegExp | undefined])[] = [
  [
    'some have it and others answer without',
    [has, lacks, silent],
    /^The update was made, but ns2\.example was .* NOTIFY/,
  ],
  ['a server that lacks it is named once', [has, lacks, lacks], /but ns2\.example was /],
  ['nobody has it', [lacks], /delegated .* no NOTIFY reached ns2\.example/],
  ['the others only do not answer', [has, silent], undefined],
  ['nobody answers', [silent], undefined],
];
for (const [what, outcomes, cause] of rows) {
  test(`${what}: ${cause ? 'NOTIFY is named' : 'no cause is named'}`, () => {
    const found = likelyCause(outcomes);
    if (cause) assert.match(found ?? '', cause);
    else assert.equal(found, undefined);
  });
}
