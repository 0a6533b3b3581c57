import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryLog } from '../../../test/harness/memory-log.ts';
import { standingWarnings } from '../../warnings.ts';
import { UpstreamReport } from './upstream-report.ts';

/** What is said after each word of the addresses: `a` answers, `a!` refuses, `a?` is not known yet. */
function hear(words: readonly string[], place: { host?: string; inContainer?: boolean } = {}) {
  const { log, emit, lines } = memoryLog();
  const standing = new Map<string, string>();
  const warnOf = standingWarnings(log, standing);
  const report = new UpstreamReport({ host: 'app', port: 3000, inContainer: false, ...place, log, warnOf });
  for (const word of words) {
    const each = word.split(' ').filter((one) => one !== '');
    const addresses = each.map((one) => one.replace(/[!?]/, ''));
    const answering = new Set(each.filter((one) => !/[!?]/.test(one)));
    const refusing = each.filter((one) => one.endsWith('!')).map((one) => one.slice(0, -1));
    const silent = new Map(refusing.map((one): [string, string] => [one, 'ECONNREFUSED']));
    report.update({ addresses, answering, silent });
  }
  return { lines, events: lines.map(({ event }) => event), standing };
}

test('an app that answers is no news', () => {
  assert.deepEqual(hear(['10.0.0.1?', '10.0.0.1', '10.0.0.1']).lines, []);
});

test('an app that refuses at the start is told once, with what to do, and that it answers then', () => {
  const { lines, events, standing } = hear(['10.0.0.1?', '10.0.0.1!', '10.0.0.1!', '10.0.0.1', '10.0.0.1!']);
  assert.deepEqual(events, ['warning', 'app-answers', 'warning-over']);
  assert.equal(
    lines[0]?.msg,
    'nothing listens at app:3000 (10.0.0.1: ECONNREFUSED): check the port in TARGET_ENDPOINT or ROUTING_MAP, and that the app is started (depends_on starts it first) and listens on 0.0.0.0, not on its own localhost only. It is forwarded to as soon as it answers',
  );
  assert.equal(standing.size, 0);
});

test('one of several that answers is enough; those that do not are said to be left out, and to be back', () => {
  const { events, lines } = hear(['a? b?', 'a! b?', 'a! b', 'a! b', 'a b', 'a b!']);
  assert.deepEqual(events, ['app-address-left-out', 'app-address-back', 'app-address-left-out']);
  assert.deepEqual(
    lines.map(({ address }) => address),
    ['a', 'a', 'b'],
  );
});

test('when all of several refuse at the start, that is one warning', () => {
  const { events, lines } = hear(['a? b?', 'a! b?', 'a! b!', 'a! b!']);
  assert.deepEqual(events, ['warning']);
  assert.match(String(lines[0]?.msg), /^nothing listens at app:3000 \(a: ECONNREFUSED, b: ECONNREFUSED\)/);
});

for (const host of ['localhost', '127.0.0.1', '::1']) {
  test(`${host} in a container is the ingress itself: a warning until something answers there`, () => {
    const { lines, standing } = hear(['127.0.0.1?', '127.0.0.1!'], { host, inContainer: true });
    const [first, second] = lines.map(({ msg }) => String(msg));
    assert.match(String(first), /:3000 is the container of the ingress itself: .* the app's service/);
    assert.match(
      String(second),
      /^nothing listens at .*the app's service in the compose file, unless both share one network/,
    );
    assert.deepEqual([...standing.values()], [second]);
    const shared = hear(['127.0.0.1?', '127.0.0.1'], { host, inContainer: true });
    assert.deepEqual(shared.events, ['warning', 'app-answers', 'warning-over']);
  });

  test(`${host} on a host is what it is`, () => {
    assert.deepEqual(hear(['127.0.0.1?', '127.0.0.1'], { host }).events, []);
  });
}

test('more addresses than are used at once: a warning while it is so', () => {
  const many = Array.from({ length: 9 }, (_, at) => `10.0.0.${at}`).join(' ');
  const { events, standing } = hear([many, many, '10.0.0.1 10.0.0.2']);
  assert.deepEqual(events, ['warning', 'warning-over']);
  assert.equal(standing.size, 0);
});
