import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSpoken, type Spoken } from './spoken.ts';

const answers: readonly [what: string, bytes: Buffer, spoken: Spoken | undefined][] = [
  ['a status line', Buffer.from('HTTP/1.1 200 OK\r\n'), 'http/1.1'],
  ['a status of 400', Buffer.from('HTTP/1.0 400 Bad Request\r\n'), undefined],
  ['an empty SETTINGS frame and a GOAWAY', Buffer.from('0000000400000000000000080700', 'hex'), 'h2'],
  ['a SETTINGS frame with three settings', Buffer.from('00001204000000000000020000', 'hex'), 'h2'],
  ['an alert', Buffer.from('15030100020246', 'hex'), 'tls'],
  ['a ServerHello', Buffer.from('160303007a0200', 'hex'), 'tls'],
  ['nothing', Buffer.alloc(0), undefined],
  ['a greeting', Buffer.from('220 mail.example ESMTP\r\n'), undefined],
  ['a frame of a stream', Buffer.from('000000040000000001', 'hex'), undefined],
  ['a frame of another kind', Buffer.from('000000060000000000', 'hex'), undefined],
  ['half a frame', Buffer.from('0000000400', 'hex'), undefined],
];
for (const [what, bytes, spoken] of answers) {
  test(`${what}: ${spoken ?? 'nothing known'}`, () => assert.equal(readSpoken(bytes), spoken));
}
