import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTcpTable } from './tcp-table.ts';

/** Output of Linux 6.1 on x86-64. */
const v4 = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:7520 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4314664 1 00000000aaf8606f 100 0 0 10 0
   1: 0100007F:8EAC 0100007F:7520 05 00000000:00000000 00:00000000 00000000     0        0 0 3 0000000000000000
 587: 0100007F:7520 0100007F:8EAC 08 00365600:00000019 04:00000000 00000000     0        0 4314670 1 000000002dc719a2 20 0 0 10 -1
   3: 0100007F:7520 020200C0:0050 01 00000000:00000000 00:00000000 00000000     0        0 4314671 1 000000002dc719a3 20 0 0 10 -1
   4: 0100007F:7520 0100007F:8EAD 06 00000000:00000000 03:0000166C 00000000     0        0 0 3 00000000a657e2ff
   5: 0100007F:7521 0100007F:8EAE 08 00000000:00000000 00:00000000 00000000     0        0 4314672 1 000000002dc719a4 20 0 0 10 -1
`;
const v6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:7520 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4314664 1 00000000aaf8606f 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:7520 0000000000000000FFFF00000100007F:C4EE 01 00000000:00000000 00:00000000 00000000     0        0 4314670 1 000000002dc719a2 20 0 0 10 -1
   2: 00000000000000000000000001000000:7520 B80D0120000000000000000001000000:969B 08 00000000:00000001 00:00000000 00000000     0        0 4314673 1 00000000d7619fdc 20 0 0 10 -1
`;
const closed = { closed: true, unacked: 0 };
const open = { closed: false, unacked: 0 };

test('reads the peers of a port in IPv4', () => {
  const { listening, peers } = readTcpTable(v4, 0x7520);
  assert.ok(listening);
  assert.deepEqual(Object.fromEntries(peers), {
    '127.0.0.1:36524': { closed: true, unacked: 0x365600 },
    '192.0.2.2:80': open,
  });
});

test('reads IPv6 peers in the format of HAProxy', () => {
  const { listening, peers } = readTcpTable(v6, 0x7520);
  assert.ok(listening);
  assert.deepEqual(Object.fromEntries(peers), {
    '::ffff:127.0.0.1:50414': open,
    '2001:db8::1:38555': closed,
  });
});

test('reads both tables, one after the other', () => {
  assert.equal(readTcpTable(`${v4}${v6}`, 0x7520).peers.size, 4);
});

test('a port without a listener', () => {
  assert.deepEqual(readTcpTable(v4, 0x7521), {
    listening: false,
    peers: new Map([['127.0.0.1:36526', closed]]),
  });
  assert.deepEqual(readTcpTable('', 80), { listening: false, peers: new Map() });
});

test('a peer with two connections counts as closed only if it has closed both', () => {
  const row = (local: string, state: string) =>
    `   1: ${local}:7520 0100007F:8EAC ${state} 00000000:00000000 00:00000000 00000000     0\n`;
  for (const states of [['08', '01'] as const, ['01', '08'] as const]) {
    const text = `${row('0100007F', states[0])}${row('0200007F', states[1])}`;
    assert.equal(readTcpTable(text, 0x7520).peers.get('127.0.0.1:36524')?.closed, false);
  }
});
