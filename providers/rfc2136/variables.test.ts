import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTable } from '../../src/config/read.ts';
import { variables } from './variables.ts';

const good = {
  RFC2136_NAMESERVER: '192.0.2.53',
  RFC2136_TSIG_KEY: 'Key.Example.',
  RFC2136_TSIG_SECRET: 'c2VjcmV0',
};
const read = (environment: Readonly<Record<string, string>>) =>
  readTable(variables, { ...good, ...environment }, () => '');

test('a key is three variables, and the algorithm has a default', () => {
  const { values, faults, warnings } = read({});
  assert.deepEqual([faults, warnings], [[], []]);
  const { server, keyName, secret, algorithm, zone } = values;
  assert.deepEqual(
    [server, keyName, secret.reveal(), algorithm, zone],
    [{ host: '192.0.2.53', port: 53 }, 'key.example', 'c2VjcmV0', 'hmac-sha256', undefined],
  );
});

const servers: readonly (readonly [text: string, host: string, port: number])[] = [
  ['192.0.2.53:5353', '192.0.2.53', 5353],
  ['2001:db8::53', '2001:db8::53', 53],
  ['[2001:db8::53]', '2001:db8::53', 53],
  ['[2001:DB8::53]:5353', '2001:db8::53', 5353],
  ['NS1.example.com.', 'ns1.example.com', 53],
  ['bind:5353', 'bind', 5353],
];
for (const [text, host, port] of servers) {
  test(`${text} is read as port ${port} of ${host}`, () => {
    assert.deepEqual(read({ RFC2136_NAMESERVER: text }).values.server, { host, port });
  });
}

for (const algorithm of ['hmac-sha512.', 'HMAC-SHA512']) {
  test(`${algorithm} is accepted, as other programs write it`, () => {
    assert.equal(read({ RFC2136_TSIG_ALGORITHM: algorithm }).values.algorithm, 'hmac-sha512');
  });
}

const faulty: readonly (readonly [variable: string, text: string])[] = [
  ['RFC2136_NAMESERVER', '192.0.2.1:0'],
  ['RFC2136_NAMESERVER', '192.0.2.1:65536'],
  ['RFC2136_NAMESERVER', '192.0.2'],
  ['RFC2136_NAMESERVER', '[192.0.2.1'],
  ['RFC2136_NAMESERVER', 'ns1 example'],
  ['RFC2136_NAMESERVER', 'tcp://192.0.2.1'],
  ['RFC2136_TSIG_KEY', 'two words'],
  ['RFC2136_TSIG_SECRET', 'not base64!'],
  ['RFC2136_TSIG_SECRET', 'c2VjcmV0c'],
  ['RFC2136_TSIG_ALGORITHM', 'hmac-md5'],
  ['RFC2136_TSIG_ALGORITHM', 'hmac-sha1'],
  ['RFC2136_ZONE', 'com'],
];
for (const [variable, text] of faulty) {
  test(`${variable} may not be ${text}`, () => {
    const { faults } = read({ [variable]: text });
    assert.deepEqual(
      faults.map((fault) => fault.variable),
      [variable],
    );
    assert.ok(variable !== 'RFC2136_TSIG_SECRET' || !JSON.stringify(faults).includes(text));
  });
}
