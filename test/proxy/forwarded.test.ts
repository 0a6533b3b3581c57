import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { afterTest } from '../harness/after-test.ts';
import { mirror, mirrored, type SeenRequest, startHttpApp, valuesOf } from '../harness/apps/http-app.ts';
import { type H1Client, openH1 } from '../harness/clients/h1.ts';
import { openH2, sendRequest } from '../harness/clients/h2.ts';
import { httpRoutes, startServing } from '../harness/proxy/proxy.ts';

/**
 * Fields by which a client may misrepresent itself, in every spelling that some framework accepts.
 */
const LIES: readonly (readonly [name: string, value: string])[] = [
  ['X-Forwarded-For', '6.6.6.6'],
  ['X-Forwarded-For', '7.7.7.7'],
  ['x-forwarded-for', '8.8.8.8, 9.9.9.9'],
  ['X_Forwarded_For', '6.6.6.6'],
  ['X-Forwarded_For', '6.6.6.6'],
  ['X-Forwarded-Proto', 'http'],
  ['X-Forwarded-Host', 'evil.example'],
  ['X-Forwarded-Port', '81'],
  ['X-Forwarded-Prefix', '/evil'],
  ['X-Forwarded-Server', 'evil'],
  ['X-Forwarded-Ssl', 'off'],
  ['X-Forwarded-Scheme', 'http'],
  ['X-Real-IP', '6.6.6.6'],
  ['X_Real_IP', '6.6.6.6'],
  ['Forwarded', 'for=6.6.6.6;proto=http;host=evil.example'],
];
/** Similar fields, which are forwarded. */
const OTHERS: readonly (readonly [name: string, value: string])[] = [
  ['X-Forwarded', 'is not such a field'],
  ['X-Real-IPs', 'nor is this'],
  ['Not-Forwarded', 'nor is this'],
  ['My-X-Forwarded-For', 'nor is this'],
  ['Via', '1.1 proxy'],
];

/**
 * What follows the name in a Host field, with the port that the app gets or the status of the
 * refusal.
 */
const PORTS: readonly (readonly [behind: string, expected: string | number])[] = [
  ['', '443'],
  [':', '443'],
  ['.:8443', '8443'],
  [':080', '80'],
  [':65535', '65535'],
  [':65536', 400],
  [':99999', 400],
  [':4294967739', 400],
  [':0', 400],
  [':abc', 400],
  [':80x', 400],
  [':-5', 400],
  [':+80', 400],
];

/** Every field whose name, as CGI and WSGI spell it, is one that apps trust. */
function trustedFields({ raw }: SeenRequest): [string, string][] {
  return raw
    .map((name, index): [string, string] => [name.toLowerCase().replaceAll('_', '-'), raw[index + 1] ?? ''])
    .filter(([name], index) => index % 2 === 0 && /^(x-forwarded-.*|x-real-ip|forwarded)$/.test(name))
    .sort();
}

const expectedFields = (host: string, port: string) => [
  ['x-forwarded-for', '127.0.0.1'],
  ['x-forwarded-host', host],
  ['x-forwarded-port', port],
  ['x-forwarded-proto', 'https'],
];

/** A client behind a gateway that sends a PROXY header. */
async function openProxied(t: TestContext, port: number, header: string): Promise<H1Client> {
  const socket = connect({ host: '127.0.0.1', port });
  afterTest(t, () => socket.destroy());
  await once(socket, 'connect');
  socket.write(header);
  return await openH1(t, port, 'app.example', { socket, ALPNProtocols: ['http/1.1'] });
}

async function getAs(h1: H1Client, host: string): Promise<SeenRequest> {
  const fields = [...LIES, ...OTHERS].map(([name, value]) => `${name}: ${value}`);
  return mirrored((await h1.get('/', host, ...fields)).body);
}

describe('X-Forwarded', { concurrency: true }, () => {
  test('over HTTP/1.1 the app gets the true values with every request, and every other field', async (t) => {
    const { port } = await startServing(t, httpRoutes(await startHttpApp(t, mirror('app'))));
    const h1 = await openH1(t, port);
    const seen = await getAs(h1, 'app.example');
    assert.deepEqual(trustedFields(seen), expectedFields('app.example', '443'));
    for (const [name, value] of OTHERS) assert.deepEqual(valuesOf(seen, name.toLowerCase()), [value]);
    assert.deepEqual(
      trustedFields(await getAs(h1, 'app.example:8443')),
      expectedFields('app.example:8443', '8443'),
    );
    assert.deepEqual(
      trustedFields(await getAs(h1, 'App.Example:443')),
      expectedFields('App.Example:443', '443'),
    );
    h1.head('GET / HTTP/1.0', 'X-Forwarded-Host: evil.example');
    const bare = trustedFields(mirrored((await h1.answer()).body)).filter(
      ([name]) => name !== 'x-forwarded-host',
    );
    assert.deepEqual(
      bare,
      expectedFields('', '443').filter(([name]) => name !== 'x-forwarded-host'),
    );
  });

  test('a client cannot remove them by naming them in Connection', async (t) => {
    const { port } = await startServing(t, httpRoutes(await startHttpApp(t, mirror('app'))));
    const h1 = await openH1(t, port);
    for (const named of [
      'X-Forwarded-For, keep-alive',
      'x-real-ip',
      'keep-alive, X_Forwarded_Proto',
      'Forwarded',
    ]) {
      const { body } = await h1.get('/', 'app.example', `Connection: ${named}`, 'X-Forwarded-For: 6.6.6.6');
      assert.deepEqual(trustedFields(mirrored(body)), expectedFields('app.example', '443'));
      assert.doesNotMatch(valuesOf(mirrored(body), 'connection').join(), /forwarded|real/i);
    }
  });

  test('over HTTP/2 the app gets the true values', async (t) => {
    const { port } = await startServing(t, httpRoutes(await startHttpApp(t, mirror('app'))));
    const session = await openH2(t, port);
    const lies = Object.groupBy(LIES, ([name]) => name.toLowerCase());
    const headers = Object.fromEntries(
      Object.entries(lies).map(([name, values = []]) => [name, values.map(([, value]) => value)]),
    );
    const others = Object.fromEntries(OTHERS.map(([name, value]) => [name.toLowerCase(), value]));
    for (const [authority, tcpPort] of [
      ['app.example', '443'],
      ['app.example:8443', '8443'],
    ] as const) {
      const { body } = await sendRequest(session, { ':authority': authority, ...headers, ...others });
      assert.deepEqual(trustedFields(mirrored(body)), expectedFields(authority, tcpPort));
      for (const [name, value] of OTHERS)
        assert.deepEqual(valuesOf(mirrored(body), name.toLowerCase()), [value]);
    }
  });

  test('the port is a number, or the request is refused, in every version of HTTP', async (t) => {
    const { port } = await startServing(t, httpRoutes(await startHttpApp(t, mirror('app'))));
    const h1 = () => openH1(t, port);
    const outcome = ({ status, body }: { status: number | undefined; body: string }) =>
      status === 200 ? valuesOf(mirrored(body), 'x-forwarded-port').join() : status;
    for (const [behind, expected] of PORTS) {
      const host = `app.example${behind}`;
      const answers = [
        await (await h1()).get('/', host),
        await (await h1()).get(`https://${host}/`, host),
        await sendRequest(await openH2(t, port), { ':authority': host }),
      ];
      assert.deepEqual(answers.map(outcome), [expected, expected, expected], host);
    }
  });

  test('with a PROXY header, the client is the one that it names', async (t) => {
    const { port } = await startServing(t, httpRoutes(await startHttpApp(t, mirror('app'))), {
      acceptProxy: true,
    });
    const tcp = await openProxied(t, port, 'PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n');
    const seen = mirrored((await tcp.get('/', 'app.example', 'X-Forwarded-For: 6.6.6.6')).body);
    assert.deepEqual(valuesOf(seen, 'x-forwarded-for'), ['203.0.113.7']);
    const v6 = await openProxied(t, port, 'PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n');
    const other = mirrored((await v6.get('/', 'app.example')).body);
    assert.deepEqual(valuesOf(other, 'x-forwarded-for'), ['2001:db8::7']);
  });
});
