import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHandshakes, parsePaced, parseWrk } from './client-output.ts';

const handshakes = (changes: object) =>
  JSON.stringify({
    ...{ connections: 200, seconds: 2.5, reused: 0, failed: 0 },
    ...{ group: 'x25519', cipher: 'TLS_AES_128_GCM_SHA256', p50Us: 4000, p99Us: 9000 },
    ...changes,
  });

test('handshakes: all resumed, or none', () => {
  assert.equal(parseHandshakes(handshakes({}), 'full').connections, 200);
  assert.equal(parseHandshakes(handshakes({ reused: 198 }), 'resumed').group, 'x25519');
  assert.throws(
    () => parseHandshakes(handshakes({ reused: 100 }), 'resumed'),
    /100 of 200 sessions were resumed/,
  );
  assert.throws(() => parseHandshakes(handshakes({ reused: 1 }), 'full'), /1 of 200 sessions were resumed/);
});

test('handshakes: a failed connection is an error', () => {
  assert.throws(() => parseHandshakes(handshakes({ failed: 1 }), 'full'), /1 of 201 connections failed/);
  assert.throws(() => parseHandshakes(handshakes({ connections: 0 }), 'full'), /no connection was completed/);
});

test('a missing field is named', () => {
  assert.throws(() => parsePaced('{"requests":1}'), /seconds is missing/);
});

const wrk = (line: string) => `Running 2s test @ https://one.test:4443/1k
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.62ms  393.13us   9.85ms   90.17%
  ${line}
Requests/sec:  39121.53
Transfer/sec:     47.16MB
`;

test('wrk: requests, seconds, bytes', () => {
  assert.deepEqual(parseWrk(wrk('78632 requests in 2.01s, 94.79MB read')), {
    requests: 78_632,
    seconds: 2.01,
    bytes: 94.79 * 2 ** 20,
  });
  assert.equal(parseWrk(wrk('9 requests in 900.00ms, 1.50GB read')).seconds, 0.9);
});

test('wrk: a counted error is an error', () => {
  const faulty = wrk(
    '9 requests in 1.00s, 1.00KB read\n  Socket errors: connect 0, read 3, write 0, timeout 0',
  );
  assert.throws(() => parseWrk(faulty), /read 3/);
  assert.throws(
    () => parseWrk(wrk('9 requests in 1.00s, 1.00KB read\n  Non-2xx or 3xx responses: 9')),
    /Non-2xx/,
  );
  assert.throws(() => parseWrk('unable to connect'), /output is not understood/);
});
