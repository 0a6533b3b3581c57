import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { memoryLog } from '../../../test/harness/memory-log.ts';
import { eventually } from '../../../test/harness/proxy/proxy.ts';
import { systemClock } from '../../clock.ts';
import { logOutput, type OutputLine, readOutputLine } from './output.ts';

const lines: readonly [line: string, level: OutputLine['level'], text: string][] = [
  ['[ALERT]    (12) : config : parsing [x:1] : unknown', 'error', 'config : parsing [x:1] : unknown'],
  ['[WARNING]  (12) : config : odd', 'warn', 'config : odd'],
  ['[WARNING]  123/101010 (12) : older form', 'warn', 'older form'],
  ['[NOTICE]   (12) : haproxy version is 3.0', 'debug', 'haproxy version is 3.0'],
  [
    "[WARNING]  (12) : config : Proxy 'tls': no SSL certificate specified for bind ':443'",
    'debug',
    "config : Proxy 'tls': no SSL certificate specified for bind ':443'",
  ],
  ['<4>something is odd', 'warn', 'something is odd'],
  ['<1>Server tcp:app:80/app1 is DOWN, reason: …', 'debug', 'Server tcp:app:80/app1 is DOWN, reason: …'],
  [
    '<6>1.2.3.4:5 [date] tls/1: SSL handshake failure',
    'info',
    '1.2.3.4:5 [date] tls/1: SSL handshake failure',
  ],
  ['<3>broken', 'error', 'broken'],
  ['<7>detail', 'debug', 'detail'],
  [
    '<4>Proxy tls stopped (cumulated conns: FE: 0, BE: 0).',
    'debug',
    'Proxy tls stopped (cumulated conns: FE: 0, BE: 0).',
  ],
  ['FATAL: something', 'info', 'FATAL: something'],
  ['[0] odd', 'info', '[0] odd'],
];
for (const [line, level, text] of lines) {
  test(`${level}: ${line}`, () => assert.deepEqual(readOutputLine(line), { level, text }));
}

test('streams are logged line by line, and the latest alerts are kept', async () => {
  const { log, lines: logged } = memoryLog();
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const output = logOutput([stdout, stderr], log, systemClock);
  stdout.write('<6>one\n<6>t');
  stdout.end('wo\n\n');
  stderr.end(Array.from({ length: 12 }, (_, index) => `[ALERT] (1) : alert ${index + 1}\n`).join(''));
  await eventually('all lines', () => logged.length === 14);
  assert.deepEqual(
    logged
      .slice(0, 2)
      .map(({ msg }) => msg)
      .sort(),
    ['one', 'two'],
  );
  assert.match(output.alerts(), /^alert 3 .* alert 12$/);
});
