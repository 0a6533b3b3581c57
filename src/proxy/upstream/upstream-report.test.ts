import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryLog } from '../../../test/harness/memory-log.ts';
import { warningsBySubject } from '../../warnings.ts';
import { doesNotAnswer, pointsToIngress } from './messages.ts';
import { UpstreamReport } from './upstream-report.ts';

/**
 * Reports a sequence of states, in which `a` answers, `a!` refuses and `a?` has not been probed
 * yet.
 */
function report(states: readonly string[], endpoint: { host?: string; inContainer?: boolean } = {}) {
  const { log, emit, lines } = memoryLog();
  const current = new Map<string, string>();
  const warnOf = warningsBySubject(emit, current);
  const subject = new UpstreamReport({
    host: 'app',
    port: 3000,
    inContainer: false,
    ...endpoint,
    log,
    warnOf,
  });
  for (const state of states) {
    const each = state.split(' ').filter((one) => one !== '');
    const addresses = each.map((one) => one.replace(/[!?]/, ''));
    const answering = new Set(each.filter((one) => !/[!?]/.test(one)));
    const refusing = each.filter((one) => one.endsWith('!')).map((one) => one.slice(0, -1));
    const silent = new Map(refusing.map((one): [string, string] => [one, 'ECONNREFUSED']));
    subject.update({ addresses, answering, silent });
  }
  return { lines, events: lines.map(({ event }) => event), current };
}

test('an app that answers is not reported', () => {
  assert.deepEqual(report(['10.0.0.1?', '10.0.0.1', '10.0.0.1']).lines, []);
});

test('an app that refuses at the start is one warning, which is over when it answers', () => {
  const { lines, events, current } = report(['10.0.0.1?', '10.0.0.1!', '10.0.0.1!', '10.0.0.1', '10.0.0.1!']);
  assert.deepEqual(events, ['warning', 'app-answers', 'warning-over']);
  const refused = new Map([['10.0.0.1', 'ECONNREFUSED']]);
  assert.equal(lines[0]?.msg, doesNotAnswer({ host: 'app', port: 3000 }, refused, false));
  assert.equal(current.size, 0);
});

test('if some of several addresses do not answer, they are reported as left out, and as back later', () => {
  const { events, lines } = report(['a? b?', 'a! b?', 'a! b', 'a! b', 'a b', 'a b!']);
  assert.deepEqual(events, ['app-address-left-out', 'app-address-back', 'app-address-left-out']);
  assert.deepEqual(
    lines.map(({ address }) => address),
    ['a', 'a', 'b'],
  );
});

test('if all of several addresses refuse at the start, that is one warning', () => {
  const { events, lines } = report(['a? b?', 'a! b?', 'a! b!', 'a! b!']);
  assert.deepEqual(events, ['warning']);
  const refused = new Map([
    ['a', 'ECONNREFUSED'],
    ['b', 'ECONNREFUSED'],
  ]);
  assert.equal(lines[0]?.msg, doesNotAnswer({ host: 'app', port: 3000 }, refused, false));
});

for (const host of ['localhost', '127.0.0.1', '::1']) {
  test(`${host} in a container is the ingress itself, which is a warning until something answers there`, () => {
    const { lines, current } = report(['127.0.0.1?', '127.0.0.1!'], { host, inContainer: true });
    const endpoint = { host, port: 3000 };
    const silence = doesNotAnswer(endpoint, new Map([['127.0.0.1', 'ECONNREFUSED']]), true);
    assert.deepEqual(
      lines.map(({ msg }) => msg),
      [pointsToIngress(endpoint, true), silence],
    );
    assert.deepEqual([...current.values()], [silence]);
    const shared = report(['127.0.0.1?', '127.0.0.1'], { host, inContainer: true });
    assert.deepEqual(shared.events, ['warning', 'app-answers', 'warning-over']);
  });

  test(`${host} outside a container is not a warning`, () => {
    assert.deepEqual(report(['127.0.0.1?', '127.0.0.1'], { host }).events, []);
  });
}

test('more addresses than are used at once are a warning until there are fewer', () => {
  const many = Array.from({ length: 9 }, (_, at) => `10.0.0.${at}`).join(' ');
  const { events, current } = report([many, many, '10.0.0.1 10.0.0.2']);
  assert.deepEqual(events, ['warning', 'warning-over']);
  assert.equal(current.size, 0);
});
