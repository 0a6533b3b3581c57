import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryLog } from '../test/harness/memory-log.ts';
import { sampleEvents } from '../test/harness/sample-events.ts';
import { renamedEvents } from './event-messages.ts';
import type { EventType } from './events.ts';
import type { Log } from './log.ts';

/**
 * For each sample of each event: the level, the name in the log, and the other fields in their
 * order.
 */
const lines: Readonly<Record<EventType, readonly string[]>> = {
  starting: ['info starting: version domains provider directoryUrl'],
  'https-proxy': ['info https-proxy: proxy noProxy'],
  stopping: ['info stopping: signal'],
  stopped: ['info stopped'],
  'proxy-not-started': ['fatal proxy-not-started: err'],
  up: ['info up: domain'],
  'volume-tidied': ['info volume-tidied: removed'],
  'volume-not-tidied': ['debug volume-not-tidied: err'],
  'volume-not-writable': ['warn volume-not-writable: domain names err', 'warn volume-not-writable: err'],
  'evidence-failed': [
    'error evidence-failed: err',
    'warn evidence-failed: url err',
    'warn evidence-failed: err',
  ],
  'renewal-conf-written': [
    'info renewal-conf-written: domain path',
    'info renewal-conf-written: domain path',
  ],
  'renewal-conf-not-written': ['warn renewal-conf-not-written: domain err'],
  warning: ['warn warning', 'warn warning: subject replaces'],
  'warning-over': ['info warning-over: subject warning'],
  'challenge-abandoned': ['warn warning'],
  'challenge-vanished': ['warn warning: name'],
  'name-taken': ['warn warning: domain rival'],
  waiting: [
    'warn waiting: for provider reason waitMs until',
    'info waiting: for provider reason waitMs until',
    'info waiting: domain names for name until',
    'info waiting: domain names for servers seenBy waitingFor',
    'info waiting: domain names for servers seenBy waitingFor until',
    'info waiting: domain names for servers seenBy waitingFor',
  ],
  'reconcile-finished': ['info pass-finished: domain names renamed seconds'],
  'reconcile-failed': ['error pass-failed: domain names renamed step err seconds attempt nextAttempt'],
  'step-failed': ['warn step-failed: domain names step err', 'warn step-failed: domain names step err'],
  progress: ['info progress: done due'],
  'certificate-unusable': ['warn certificate-unusable: domain names err'],
  serving: ['info serving: domain names serial notAfter seconds'],
  'chain-cleaned': ['info chain-cleaned: domain names dropped'],
  'renewal-scheduled': ['info certificate-kept: domain names renamed until'],
  'renewal-due': ['info renewal-due: domain names'],
  'renewal-advice': ['info renewal-advice: certificate start end'],
  'renewal-advice-failed': ['debug renewal-advice-failed: err'],
  'certificate-expired': [
    'error certificate-expired: domain names serial notAfter',
    'error certificate-expired: domain names serial notAfter cause nextAttempt',
  ],
  'certificate-ends-soon': [
    'warn certificate-ends-soon: domain names serial notAfter cause nextAttempt',
    'error certificate-ends-soon: domain names serial notAfter',
  ],
  order: ['info order: domain names reason'],
  'order-opened': [
    'info order-created: domain names renamed resumed seconds',
    'info order-created: domain names renamed resumed seconds',
  ],
  'order-deferred': [
    'warn order-held-back: domain names renamed until why failure',
    'info order-held-back: domain names renamed until why',
    'info order-held-back: domain names renamed until why failure',
  ],
  'caa-unclear': ['warn caa-unclear: domain names err', 'warn caa-unclear: domain names err'],
  'ledger-failed': ['warn ledger-failed: domain names err'],
  'staging-dry-run': ['info rehearsed: domain names renamed directoryUrl'],
  'certificate-issued': ['info certificate-issued: domain names serial notAfter seconds'],
  'records-published': ['info records-published: zone written removed seconds'],
  'challenge-published': ['info challenge-published: names seconds'],
  'records-propagated': [
    'info records-seen: domain names renamed zone servers by seconds',
    'info records-seen: domain names renamed zone servers by seconds',
    'info records-seen: domain names renamed zone servers by seconds',
  ],
  'challenge-propagated': ['info challenge-seen: domain names renamed zone servers by seconds'],
  'challenge-pruned': ['info challenge-swept: renamed names'],
  'challenge-removed': ['info challenge-removed: names'],
  'challenge-retained': ['info challenge-stays: renamed names'],
  'challenge-not-removed': ['warn challenge-left: renamed err'],
  'name-regained': ['info name-regained: domain'],
};

const LEVELS: Readonly<Record<number, keyof Log>> = {
  ...{ 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' },
};
const OF_PINO = ['level', 'time', 'pid', 'hostname', 'event', 'msg'];

for (const [type, samples] of Object.entries(sampleEvents)) {
  test(`the log lines of ${type}`, () => {
    const memory = memoryLog();
    for (const event of samples) memory.emit(event);
    const logged = memory.lines.map((line) => {
      const fields = Object.keys(line).filter((key) => !OF_PINO.includes(key));
      const head = `${String(LEVELS[line.level])} ${String(line['event'])}`;
      return fields.length === 0 ? head : `${head}: ${fields.join(' ')}`;
    });
    // The key is one of the types.
    assert.deepEqual(logged, lines[type as EventType]);
  });
}

test('a renamed event keeps its old name for this release and has the new one beside it', () => {
  for (const { before, now } of renamedEvents()) {
    const memory = memoryLog();
    for (const event of sampleEvents[now]) memory.emit(event);
    for (const { event, renamed } of memory.lines) assert.deepEqual([event, renamed], [before, now]);
  }
  assert.ok(
    renamedEvents().some(({ before, now }) => before === 'pass-failed' && now === 'reconcile-failed'),
  );
});
