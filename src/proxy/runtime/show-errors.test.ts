import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readShowErrors } from './show-errors.ts';

/** The format of HAProxy 2.6.12 and 3.4.7, apart from the dump of the message. */
const reply = ({ free, length, position, state, at = '22:27.008', fields = 1 }: Fault) =>
  `Total events captured on [30/Nov/2026:12:22:27.011] : 1

[30/Nov/2026:12:${at}] backend http:127.0.0.1:38649.h1 (#5): invalid response
  frontend tls (#2), server app (#1), event #0, src 192.0.2.1:38332
  buffer starts at 0 (including 0 out), ${free} free,
  len ${length}, wraps at 131024, error at position ${position}
  H1 connection flags 0x80002220, H1 stream flags 0x00004810
  H1 msg state ${state}, H1 msg flags 0x00001414
  H1 chunk len 0 bytes, H1 body len 0 bytes :
${' '}
${Array.from({ length: fields }, (_, index) => `  ${String(index * 8).padStart(5, '0')}  x-${index}: b\\r\\n\n  ${String(index * 8 + 4).padStart(5, '0')}+ more`).join('\n')}`;

interface Fault {
  readonly free: number;
  readonly length: number;
  readonly position: number;
  readonly state: string;
  readonly at?: string;
  readonly fields?: number;
}

const FULL: Fault = { free: 64, length: 131_008, position: 131_008, state: 'MSG_HDR_VAL(22)' };

const faults: readonly [what: string, fault: Fault, tooLarge: boolean][] = [
  ['a header that fills the buffer', FULL, true],
  ['an error in a full buffer', { ...FULL, position: 4_000 }, false],
  ['a header that is not complete yet', { ...FULL, free: 100_000, length: 31_072, position: 31_072 }, false],
  ['an error in a chunked body', { ...FULL, state: 'MSG_CHUNK_SIZE(27)' }, false],
  ['an error in the status line', { free: 131_059, length: 13, position: 4, state: 'MSG_RPCODE(12)' }, false],
  [
    'too many fields',
    { ...FULL, free: 110_060, position: 10_182, state: 'MSG_HDR_L2_LWS(24)', fields: 1_100 },
    true,
  ],
  ['too many fields, but an error before them', { ...FULL, position: 800, fields: 1_100 }, false],
];
for (const [what, fault, tooLarge] of faults) {
  test(`${what}: ${tooLarge ? '' : 'not '}too large`, () => {
    assert.deepEqual(readShowErrors(reply(fault), 1_024), { client: '192.0.2.1', ageMs: 3, tooLarge });
  });
}

test('the age is computed without knowing the time zone', () => {
  assert.equal(readShowErrors(reply({ ...FULL, at: '21:27.011' }), 1_024)?.ageMs, 60_000);
});

for (const nothing of ['', 'Total events captured on [30/Nov/2026:12:22:27.011] : 0', 'Unknown command'])
  test(`a reply without an error: ${nothing}`, () => assert.equal(readShowErrors(nothing, 1_024), undefined));
