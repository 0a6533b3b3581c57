import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { eventually } from '../harness/proxy/proxy.ts';
import { helperNames, startHelper } from './helpers.ts';
import { type Front, ingressBefore, NAME } from './ingress.ts';
import { PASSWORD, startPostgres, USER } from './postgres.ts';
import { documented, run } from './run.ts';

/** PostgreSQL 17 with psql and with pg for Node.js, both of which support direct TLS. */

interface Database {
  /** The port of the server itself. */
  readonly server: number;
  readonly front: Front;
}

async function serving(t: TestContext, scheme = 'postgres'): Promise<Database> {
  const server = await startPostgres(t);
  return { server, front: await ingressBefore(t, `${scheme}://127.0.0.1:${server}`) };
}

/** The connection string in docs/traffic.md. */
function direct(front: Front): string {
  return documented('psql ', front)
    .replace(/^psql "|"$/g, '')
    .replace(/user=\S+ dbname=\S+/, `user=${USER} dbname=postgres`);
}

const plain = (port: number) => `host=127.0.0.1 port=${port} user=${USER} dbname=postgres`;

/** Starts psql with some commands; it prints only values. */
function psql(front: Front, connection: string, commands: readonly string[], input = '') {
  const args = commands.flatMap((command) => ['-c', command]);
  const env = { PGPASSWORD: PASSWORD };
  return run(front, ['psql', connection, '-XqAt', ...args], { input, env });
}

async function queryRows(front: Front, connection: string, ...commands: readonly string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await psql(front, connection, commands);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex');

test('psql with sslnegotiation=direct: SCRAM, a large result, COPY, NOTIFY', async (t) => {
  const { front } = await serving(t);
  const inTls = direct(front);
  t.diagnostic(await queryRows(front, inTls, 'select version()'));
  const large = await queryRows(front, inTls, `select repeat('0123456789', 1000000)`);
  assert.equal(digest(large), digest('0123456789'.repeat(1_000_000)));
  await queryRows(front, inTls, 'create table lines (line text)');
  const lines = Array.from({ length: 100_000 }, (_, index) => `line ${index}\n`).join('');
  const { exitCode } = await psql(front, inTls, ['copy lines from stdin'], lines);
  assert.equal(exitCode, 0);
  assert.equal(await queryRows(front, inTls, 'select count(*) from lines'), '100000');
  const heard = await queryRows(front, inTls, 'listen news', `notify news, 'hello'`);
  assert.match(heard, /^Asynchronous notification "news" with payload "hello" received/);
  assert.equal(
    await queryRows(front, inTls, 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'),
    'f',
  );
});

const refused: [what: string, change: string, scheme: string, words: RegExp][] = [
  ['with an SSLRequest', 'sslnegotiation=postgres', 'postgres', /server closed the connection/],
  [
    'without TLS',
    'sslnegotiation=postgres sslmode=disable sslrootcert=none',
    'postgres',
    /server closed the connection/,
  ],
  ['with channel binding', 'channel_binding=require', 'postgres', /did not offer .* channel binding/],
  ['behind tcp://', '', 'tcp', /established without ALPN protocol negotiation extension/],
];
for (const [what, change, scheme, words] of refused) {
  test(`psql cannot connect ${what}`, async (t) => {
    const { front } = await serving(t, scheme);
    const { exitCode, stderr } = await psql(front, `${direct(front)} ${change}`, ['select 1']);
    assert.equal(exitCode, 2);
    assert.match(stderr, words);
  });
}

/**
 * Starts a query that takes a minute, and interrupts it as Ctrl-C does; `sleeping` queries for its
 * process.
 */
async function interrupted({ server, front }: Database, connection: string) {
  const client = psql(front, connection, ['select pg_sleep(60)']);
  const sleeping = `select pid from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'`;
  await eventually('the query runs', async () => (await queryRows(front, plain(server), sleeping)) !== '');
  client.kill('SIGINT');
  return { client, sleeping };
}

test('Ctrl-C in psql sends its request without TLS, and the query continues; pg_cancel_backend ends it', async (t) => {
  const database = await serving(t);
  const { server, front } = database;
  const { client, sleeping } = await interrupted(database, direct(front));
  await eventually('the request is refused', () => front.lines.some(({ why }) => why === 'handshake'));
  assert.notEqual(await queryRows(front, plain(server), sleeping), '');
  assert.equal(await queryRows(front, direct(front), `select pg_cancel_backend((${sleeping}))`), 't');
  assert.match((await client).stderr, /Cancel request sent\n.*canceling statement due to user request/s);
});

for (const name of helperNames) {
  test(`psql without TLS works through ${name}, and so does Ctrl-C`, async (t) => {
    const database = await serving(t);
    const local = plain(await startHelper(t, name, database.front));
    assert.equal(await queryRows(database.front, local, 'select 1'), '1');
    const { client } = await interrupted(database, local);
    assert.match((await client).stderr, /canceling statement due to user request/);
  });
}

test('pg for Node.js with sslnegotiation direct: SCRAM, parameters, NOTIFY', async (t) => {
  const { front } = await serving(t);
  const client = new pg.Client({
    ...{ host: NAME, port: front.port, user: USER, password: PASSWORD, database: 'postgres' },
    ...{ ssl: { ca: await readFile(front.caFile, 'utf8') }, sslnegotiation: 'direct' },
  });
  await client.connect();
  try {
    const { rows } = await client.query('select $1::text as sent', ['x'.repeat(1_000_000)]);
    assert.equal(rows[0].sent.length, 1_000_000);
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    client.on('notification', ({ payload }) => resolve(payload));
    await client.query('listen news');
    await client.query(`notify news, 'hello'`);
    assert.equal(await promise, 'hello');
  } finally {
    await client.end();
  }
});
