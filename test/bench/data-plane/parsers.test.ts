import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStat, pssBytes } from './accounting.ts';
import { isBefore1_25_5 } from './contenders.ts';
import { parseSpeed } from './crypto-speed.ts';
import { parseOptions } from './options.ts';
import { serialised } from './results.ts';
import { coresOf, launcherScript } from './stage.ts';

test('a process name may contain brackets and spaces', () => {
  const stat = '7 (a) b (c) S 42 7 7 0 -1 4194560 1 2 3 4 150 50 9 9 20 0 1 0 100 1 1';
  assert.deepEqual(parseStat(stat), { parent: 42, ticks: 200 });
});

test('shared memory counts by its share', () => {
  assert.equal(pssBytes('Rss:  900 kB\nPss:  100 kB\nPss_Dirty: 1 kB\n'), 102_400);
  assert.equal(pssBytes(''), 0);
});

test('nginx supports server_name in stream from 1.25.5', () => {
  assert.equal(isBefore1_25_5('nginx version: nginx/1.22.1'), true);
  assert.equal(isBefore1_25_5('nginx version: nginx/1.25.4'), true);
  assert.equal(isBefore1_25_5('nginx version: nginx/1.25.5'), false);
  assert.equal(isBefore1_25_5('nginx version: nginx/1.26.3'), false);
});

test('openssl speed', () => {
  const text = `                              sign    verify    sign/s verify/s
 256 bits ecdsa (nistp256)   0.0000s   0.0001s  52094.9  16920.0
                              op      op/s
 384 bits ecdh (nistp384)   0.0004s   2588.8
 253 bits ecdh (X25519)   0.0000s  31848.0
type          16384 bytes
AES-128-GCM   11034243.36k
`;
  assert.deepEqual(
    parseSpeed(text).map(({ operation, perSecond }) => [operation, Math.round(perSecond)]),
    [
      ['ECDSA P-256 signature', 52_095],
      ['ECDSA P-256 verification', 16_920],
      ['ECDH nistp384', 2_589],
      ['ECDH X25519', 31_848],
      ['AES-128-GCM record of 16 kB', 673_477],
    ],
  );
  const kem = '             X25519MLKEM768 0.000080s 0.000101s 0.000080s   12470.1    9872.3   12429.9\n';
  assert.deepEqual(
    parseSpeed(kem).map(({ perSecond }) => perSecond),
    [12_470.1, 9_872.3],
  );
});

test('options: an unknown one is refused', () => {
  assert.equal(parseOptions(['--trixie']).root, undefined);
  assert.equal(parseOptions([]).root, '/');
  assert.deepEqual(parseOptions(['--only', 'bulk,requests']).only, ['requests', 'bulk']);
  assert.throws(() => parseOptions(['--only', 'speed']), /unknown: speed/);
  assert.throws(() => parseOptions(['--rounds', '0']), /not a number: 0/);
});

test('the proxy has a core of its own', () => {
  assert.deepEqual(coresOf(2), { proxy: '0', others: '1' });
  assert.deepEqual(coresOf(8), { proxy: '0', others: '1-7' });
  assert.throws(() => coresOf(1), /two cores/);
});

test('a launcher replaces itself by the program', () => {
  const script = launcherScript({
    root: '/srv/trixie',
    hosts: '/tmp/h',
    program: 'nginx',
    cores: '0',
    realTime: false,
  });
  assert.match(script, /^exec taskset -c 0 chroot \/srv\/trixie nginx "\$@"' sh "\$@"$/m);
  assert.match(script, /mount --bind \/tmp\/h \/srv\/trixie\/etc\/hosts/);
});

test('results have a line for each reading, and a round trip preserves them', () => {
  const setting = { date: '', rounds: 1, seconds: 2, host: '', versions: [], crypto: [] };
  const place = { contender: 'caddy', work: 'bulk', names: 1, round: 0 } as const;
  const reading = { ...place, count: 5, seconds: 2.00004, cpuSeconds: 1.5, more: {} };
  const results = { setting, readings: [reading, reading], failures: [{ ...place, why: 'so' }] };
  const text = serialised(results);
  assert.equal(text.match(/"count":5,"seconds":2,/g)?.length, 2);
  assert.deepEqual(JSON.parse(text), {
    ...results,
    readings: [2, 2].map((seconds) => ({ ...reading, seconds })),
  });
});
