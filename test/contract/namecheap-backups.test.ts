import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { createProviderFiles } from '../../src/commands/wiring/provider-context.ts';
import { createMemoryFiles, createTestContext } from '../harness/dns/provider-context.ts';
import { CHALLENGE, DOMAIN, openAccount } from './namecheap-account.ts';
import { create, failure, record, soon } from './support.ts';

const ZONE = { id: DOMAIN, name: DOMAIN };

/** The documented command, as users copy it. */
async function restoreCommand(): Promise<string> {
  const document = await readFile(new URL('../../docs/providers.md', import.meta.url), 'utf8');
  const [, command = ''] = /### To restore a zone.*?```sh\n(.*?)```/s.exec(document) ?? [];
  return command;
}

test('the documented command restores the previous records, with the real curl', async () => {
  await using account = await openAccount();
  const { simulator, stored, open } = account;
  stored.emailType = 'MX';
  stored.plant({ Name: '@', Type: 'MX', Address: 'mx.example.net.', MXPref: '20', TTL: '300' });
  stored.plant({ Name: 'a', Type: 'TXT', Address: ' 100% "b"&c=d+é;\\ @x '.replaceAll('"', "'") });
  stored.plant({ Name: 'www', Type: 'URL301', Address: 'https://example.net/?a=b&c=%20' });
  stored.plant({ Name: '@', Type: 'CAA', Address: '0 issue "letsencrypt.org"' });
  const before = simulator.snapshot(DOMAIN);
  const folder = await mkdtemp(join(tmpdir(), 'namecheap-'));
  try {
    stored.mishap = () => [];
    const provider = open({}, createTestContext(undefined, createProviderFiles(folder, 'namecheap')));
    const error = await failure(provider.apply(ZONE, create(CHALLENGE), soon()), 'ZONE_DAMAGED');
    assert.deepEqual(simulator.snapshot(DOMAIN), []);
    stored.mishap = undefined;
    const { backup } = error.details;
    assert.ok(typeof backup === 'string');
    assert.ok(backup.startsWith(join(folder, 'dstack-ingress/providers/namecheap', DOMAIN)), backup);
    const command = (await restoreCommand()).replace('https://api.namecheap.com', simulator.baseUrl);
    const send = (NAMECHEAP_API_USER: string) =>
      execa('sh', ['-c', command], {
        env: {
          FILE: backup,
          NAMECHEAP_USERNAME: simulator.username,
          NAMECHEAP_API_KEY: simulator.apiKey,
          NAMECHEAP_CLIENT_IP: simulator.clientIp,
          NAMECHEAP_API_USER,
        },
      });
    assert.match((await send('reseller')).stdout, /Status="ERROR"/);
    const form = simulator.forms.at(-1);
    assert.deepEqual([form?.get('apiuser'), form?.get('username')], ['reseller', simulator.username]);
    assert.match((await send('')).stdout, /Status="OK".*IsSuccess="true"/s);
    assert.deepEqual(simulator.snapshot(DOMAIN), before);
    assert.equal(stored.emailType, 'MX');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a backup has one parameter per line and a date, and no credentials', async () => {
  await using account = await openAccount();
  const { stored, publish, files, simulator } = account;
  stored.plant({ Name: 'www', Type: 'CNAME', Address: 'target.example.net.', TTL: '60' });
  await publish();
  const [[name, text] = ['', '']] = [...files.texts].filter(([path]) => path !== 'budget.json');
  assert.match(name, /^example\.com\/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z\.txt$/);
  assert.deepEqual(text.split('\n'), [
    'Command=namecheap.domains.dns.setHosts',
    '&SLD=example',
    '&TLD=com',
    '&EmailType=NONE',
    '&HostName1=www',
    '&RecordType1=CNAME',
    '&Address1=target.example.net.',
    '&MXPref1=10',
    '&TTL1=60',
    '',
  ]);
  assert.ok(!text.includes(simulator.apiKey) && !text.includes(simulator.username));
});

test('a backup that cannot be written prevents the write', async () => {
  await using account = await openAccount();
  const { open, commands, stored } = account;
  stored.plant({ Name: 'www', Type: 'A', Address: '192.0.2.1' });
  const full = { ...createMemoryFiles(), write: () => Promise.reject(new Error('ENOSPC')) };
  const provider = open({}, createTestContext(undefined, full));
  const error = await failure(provider.apply(ZONE, create(CHALLENGE), soon()), 'STORE_FAILED');
  assert.deepEqual(error.details, { zone: DOMAIN });
  assert.ok(!commands().includes('setHosts'));
});

test('the newest twenty different backups are kept', async () => {
  await using account = await openAccount();
  const { provider, files } = account;
  const backups = () => [...files.texts.keys()].filter((name) => name.startsWith(`${DOMAIN}/`)).sort();
  const texts = () => backups().map((name) => files.texts.get(name));
  for (let n = 0; n < 23; n += 1) {
    await provider.apply(ZONE, create(record(`n${n}.${DOMAIN}`, 'A', '192.0.2.1')), soon());
  }
  assert.equal(backups().length, 20);
  assert.equal(new Set(texts()).size, 20);
  assert.match(texts().at(-1) ?? '', /HostName22=n21\b/);
});
