import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryLog } from '../test/harness/memory-log.ts';
import { fold, type State } from './status/state.ts';
import { warningsBySubject, warnOnce } from './warnings.ts';

const time = '2026-11-24T00:00:00.000Z';
const starting = {
  ...{ type: 'starting' as const, version: '1', domains: ['app.example.com'] },
  ...{ provider: 'memory', directoryUrl: 'https://ca.example/directory' },
};

test('`warnOnce` passes each sentence on only once', () => {
  const warned: string[] = [];
  const warn = warnOnce((sentence) => void warned.push(sentence));
  for (const sentence of ['a', 'b', 'a', 'b']) warn(sentence);
  assert.deepEqual(warned, ['a', 'b']);
});

test('a repeated warning is logged each time, and is in the status once until it is over', () => {
  const { emit, events, lines } = memoryLog();
  const warnOf = warningsBySubject(emit);
  const shown = () =>
    [starting, ...events].reduce<State | undefined>((state, event) => fold(state, event, time, 1), undefined)
      ?.warnings;
  warnOf('gateway', undefined);
  assert.deepEqual(events, []);
  warnOf('gateway', 'it has no address');
  warnOf('gateway', 'it has no address');
  warnOf('name servers', 'one is silent');
  assert.equal(lines.length, 3);
  assert.deepEqual(shown(), ['it has no address', 'one is silent']);
  warnOf('gateway', 'it could not be looked up');
  assert.deepEqual(shown(), ['one is silent', 'it could not be looked up']);
  warnOf('gateway', undefined);
  warnOf('gateway', undefined);
  assert.deepEqual(
    lines.slice(4).map(({ event, subject }) => [event, subject]),
    [['warning-over', 'gateway']],
  );
  assert.deepEqual(shown(), ['one is silent']);
});
