import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readProgress, readSessions } from './sessions.ts';

/** Output of HAProxy, apart from the ports. */
const list = {
  '2.6.12': `0x562c9435e460: proto=tcpv4 src=127.0.0.1:36524 fe=tls be=http:127.0.0.1:80.h1 srv=app ts=00 epoch=0 age=1s calls=3 rate=1 cpu=0 lat=0 rq[f=49840080h,i=0,an=8000h,rx=,wx=,ax=] rp[f=88400000h,i=0,an=1400000h,rx=59s,wx=,ax=] scf=[8,80h,fd=13] scb=[8,11h,fd=12] exp=0s rc=0 c_exp=
0x55f37d17f8b0: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s calls=1 rate=1`,
  '3.0.11': `0x7f27c62a3400: proto=tcpv6 src=::ffff:127.0.0.1:50434 fe=tls be=http:127.0.0.1:80.h1 srv=app ts=00 epoch=0 age=1s calls=3 rate=0 cpu=0 lat=0 rq[f=1840000h,i=0,an=8000h,ax=] rp[f=80000000h,i=0,an=1400000h,ax=] scf=[8,1082h,fd=14,rex=,wex=] scb=[8,1411h,fd=13,rex=59s,wex=] exp=0s rc=0 c_exp=`,
};

test('reads the sessions of show sess', () => {
  assert.deepEqual(readSessions(list['2.6.12']), [
    { id: '0x562c9435e460', client: '127.0.0.1:36524', backend: 'http:127.0.0.1:80.h1' },
    { id: '0x55f37d17f8b0', client: 'unix:1', backend: '<NONE>' },
  ]);
  assert.deepEqual(readSessions(list['3.0.11']), [
    { id: '0x7f27c62a3400', client: '::ffff:127.0.0.1:50434', backend: 'http:127.0.0.1:80.h1' },
  ]);
  assert.deepEqual(readSessions(''), []);
});

const session = { id: '0x7f5ba54a3400', client: '127.0.0.1:43812', backend: 'http:127.0.0.1:80.h1' };
const detail = {
  '3.0.11': `0x7f5ba54a3400: [30/Nov/2026:12:06:28.485495] id=8 proto=tcpv4 source=127.0.0.1:43812
  txn=0x7f5ba5a710e0 flags=0x3000 meth=1 status=200 req.st=MSG_DONE rsp.st=MSG_DATA req.f=0x4c rsp.f=0x0e
  scf=0x7f5ba58ffbc0 flags=0x00001082 ioto=1m state=EST endp=CONN,0x7f5ba552e900,0x10404001 sub=0 rex=<NEVER> wex=<NEVER> rto=59s wto=<NEVER>
  req=0x7f5ba54a3428 (f=0x1840000 an=0x8000 tofwd=0 total=48)
  res=0x7f5ba54a3470 (f=0x80040101 an=0x4000000 tofwd=-1 total=129)`,
  '3.4.7': `0x7f5ba54a3400: [30/Nov/2026:12:06:40.442363] id=8 proto=tcpv4 source=127.0.0.1:43812
  txn=0x7f427b60b200 flags=0x3000 meth=1 status=200 req.st=MSG_DONE rsp.st=MSG_DATA req.f=0x4c rsp.f=0x0e
  scf=0x7f427b6382a0 flags=0x00041082 ioto=1m state=EST endp=CONN,0x7f427b922100,0x5040c041 sub=0 in=48 out=129 rex=<NEVER> wex=<NEVER> rto=59s wto=<NEVER>
  scb=0x7f427b638120 flags=0x00001011 ioto=1m state=EST endp=CONN,0x7f427b922040,0x50400041 sub=1 in=129 out=140 rex=59s wex=<NEVER> rto=59s wto=<NEVER>
  req=0x7f427b681028 (f=0x1840000 an=0x8000 tofwd=0)
  res=0x7f427b681090 (f=0x80040101 an=0x4000000 tofwd=-1)`,
};

test('reads the progress of a request', () => {
  assert.equal(readProgress(detail['3.0.11'], session), 'total=48 total=129');
  assert.equal(readProgress(detail['3.4.7'], session), 'in=48 out=129 in=129 out=140');
});

const foreign = {
  'a tunnel': detail['3.0.11'].replace('MSG_DATA', 'MSG_TUNNEL'),
  'a TCP connection, which has no transaction': detail['3.0.11'].replace(/^ {2}txn=.*\n/m, ''),
  'another session': detail['3.0.11'].replace('0x7f5ba54a3400:', '0x7f5ba54a3401:'),
  'a later session with the same address': detail['3.0.11'].replace(':43812', ':43813'),
  'a session that has ended': 'Session not found.',
  'a version with other counters': detail['3.0.11'].replaceAll('total=', 'sum='),
};
for (const [what, reply] of Object.entries(foreign))
  test(`no progress is read from ${what}`, () => assert.equal(readProgress(reply, session), undefined));
