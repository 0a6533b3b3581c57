import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRenewalConf } from './renewal-conf.ts';

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';

// As certbot writes it, in its own order.
const CONF = `# renew_before_expiry = 30 days
version = 2.1.0
archive_dir = /etc/letsencrypt/archive/app.example.com
cert = /etc/letsencrypt/live/app.example.com/cert.pem

# Options used in the renewal process
[renewalparams]
account = 70f53d083c84b999a15fa4738d148cde
pref_challs = dns-01,
server = https://ca.example:14000/dir
authenticator = dns-cloudflare
key_type = ecdsa
[[webroot_map]]
account = nobody
`;

test('account and server are read from [renewalparams] only', () => {
  assert.deepEqual(readRenewalConf(CONF), {
    account: '70f53d083c84b999a15fa4738d148cde',
    directoryUrl: 'https://ca.example:14000/dir',
  });
  assert.deepEqual(readRenewalConf(`account = above\n${CONF}`)?.account, '70f53d083c84b999a15fa4738d148cde');
});

const servers: [title: string, line: string, expected: string][] = [
  ['none', '', LETS_ENCRYPT],
  ['the ACMEv1 URL', 'server = https://acme-v01.api.letsencrypt.org/directory', LETS_ENCRYPT],
  ['quoted, with a comment', 'server = "https://ca.example/dir"  # ours', 'https://ca.example/dir'],
];
for (const [title, line, expected] of servers) {
  test(`the directory URL, with server = ${title}`, () => {
    assert.equal(readRenewalConf(`[renewalparams]\naccount = a\n${line}\n`)?.directoryUrl, expected);
  });
}

for (const text of ['', 'no configuration at all', '[renewalparams]\nserver = https://ca.example/dir\n']) {
  test(`${JSON.stringify(text)} has no account`, () => assert.equal(readRenewalConf(text), undefined));
}
