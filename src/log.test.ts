import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import pino from 'pino';
import { sampleEvents } from '../test/harness/sample-events.ts';
import { Secret } from './config/secret.ts';
import { IngressError } from './errors.ts';
import { errorFields, logEvents } from './log.ts';

test('our own error has its code, message, hint and details, and no stack', () => {
  const error = new IngressError('PROVIDER_RATE_LIMITED', 'slow down', {
    retryAfterMs: 5000,
    details: { zone: 'example.com' },
  });
  assert.deepEqual(errorFields(error), {
    code: 'PROVIDER_RATE_LIMITED',
    message: 'slow down',
    hint: error.hint,
    retryable: true,
    retryAfterMs: 5000,
    details: { zone: 'example.com' },
  });
});

test('unknown fields are left out', () => {
  const keys = Object.keys(errorFields(new IngressError('STORE_FAILED', 'full')));
  assert.deepEqual(keys, ['code', 'message', 'hint', 'retryable']);
});

test('causes stay in order; those of other libraries have only their message', () => {
  const request = { headers: { authorization: 'Bearer hush-hush' } };
  const inner = Object.assign(new Error('socket hang up', { cause: 'reset' }), { request, config: request });
  const fields = errorFields(new IngressError('PROVIDER_UNREACHABLE', 'gone', { cause: inner }));
  assert.deepEqual(fields['cause'], { message: 'socket hang up', cause: { message: 'reset' } });
  assert.doesNotMatch(JSON.stringify(fields), /hush/);
});

test('an error of another kind has its stack, because nothing else shows its origin', () => {
  const fields = errorFields(new TypeError('broken'));
  assert.equal(fields['message'], 'broken');
  assert.match(String(fields['stack']), /log\.test\.ts/);
});

for (const thrown of ['text', 7, null, undefined]) {
  test(`${String(thrown)} can be thrown`, () =>
    assert.deepEqual(errorFields(thrown), { message: String(thrown) }));
}

test('a circular chain of causes ends', () => {
  const error = new Error('first');
  error.cause = new Error('second', { cause: error });
  assert.ok(JSON.stringify(errorFields(error)).length < 5000);
});

test('a secret among the details is not shown', () => {
  const error = new IngressError('ACME_PROBLEM', 'no', { details: { key: new Secret('hush-hush') } });
  assert.match(JSON.stringify(errorFields(error)), /\[redacted\]/);
});

test('a line is JSON with level, time and the event, and nothing below the level', () => {
  const program = `
    import { createLog } from ${JSON.stringify(import.meta.resolve('./log.ts'))};
    const log = createLog('info');
    log.debug({ event: 'hidden' }, 'hidden');
    log.warn({ event: 'shown', err: new Error('broken') }, 'a sentence');`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  const lines = stdout.trim().split('\n');
  assert.equal(lines.length, 1);
  const { level, time, event, msg, err, ...rest } = JSON.parse(lines[0] ?? '');
  assert.deepEqual([level, event, msg, err.message, rest], ['warn', 'shown', 'a sentence', 'broken', {}]);
  assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

test('no line has a key twice', () => {
  const lines: string[] = [];
  const write = logEvents(
    pino({ level: 'debug' }, { write: (line: string) => void lines.push(line.trim()) }),
  );
  for (const event of Object.values(sampleEvents).flat()) write(event);
  // Parsing keeps only the last value of a key.
  for (const line of lines) assert.equal(JSON.stringify(JSON.parse(line)), line);
});

test('a certificate with several names is served for one name, and its line says which', () => {
  const lines: string[] = [];
  const write = logEvents(pino({}, { write: (line: string) => void lines.push(line) }));
  for (const event of sampleEvents.serving) write(event);
  const { domain, names } = JSON.parse(lines[0] ?? '');
  assert.deepEqual([domain, names], ['api.example.com', ['app.example.com', 'api.example.com']]);
});
