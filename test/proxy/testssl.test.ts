import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { z } from 'zod';
import { startTextApp } from '../harness/apps/http-app.ts';
import { certificateOfTestCa } from '../harness/ca/test-ca.ts';
import { opensslVersion } from '../harness/proxy/haproxy-version.ts';
import { startTestProxy } from '../harness/proxy/proxy.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';

const findingsSchema = z.array(z.object({ id: z.string(), severity: z.string(), finding: z.string() }));
type Findings = z.infer<typeof findingsSchema>;

/**
 * Everything but HTTP headers, which are the app's, and the simulation of old clients, which takes
 * as long as all the rest.
 */
const CHECKS = ['--protocols', '--std', '--fs', '--server-defaults', '--server-preference', '--vulnerable'];
const TIMEOUT_MS = 240_000;
/** The minimum number of findings if every check ran. */
const FEWEST_FINDINGS = 70;

/** Findings that are not about our server, with the reason. */
const EXCLUDED: Readonly<Record<string, string>> = {
  cert_revocation: 'the test CA has neither CRL nor OCSP; in production that is up to the CA',
  engine_problem: "it is about testssl's own OpenSSL",
  sessionresumption_ticket:
    'testssl may disconnect before it gets the TLS 1.3 ticket; tls.test.ts shows that sessions are resumed',
  secure_renego:
    'testssl sends no SNI here and gets no handshake; tls.test.ts shows that renegotiation is refused',
  ...(opensslVersion < 305 && {
    FS_KEMs: 'ML-KEM requires OpenSSL 3.5; testssl.sh checks it from 3.2 on',
  }),
};

async function examine(dir: string, caPath: string, port: number): Promise<Findings> {
  const jsonPath = join(dir, 'findings.json');
  const quiet = ['--quiet', '--color', '0', '--warnings', 'off', '--nodns', 'none', '--ip', '127.0.0.1'];
  const { all } = await execa(
    'testssl',
    [...quiet, '--add-ca', caPath, '--jsonfile', jsonPath, ...CHECKS, `https://app.example:${port}`],
    { stdin: 'ignore', timeout: TIMEOUT_MS, cwd: dir, reject: false, all: true },
  );
  const json = await readFile(jsonPath, 'utf8').catch(() => assert.fail(`testssl found nothing: ${all}`));
  return findingsSchema.parse(JSON.parse(json));
}

test('testssl.sh finds no weakness', { timeout: TIMEOUT_MS + 10_000 }, async (t) => {
  const dir = temporaryDirectory(t);
  const { leaf, caPem } = await certificateOfTestCa('app.example');
  const caPath = join(dir, 'ca.pem');
  await writeFile(caPath, caPem);
  const target = {
    speaks: 'http/1.1',
    port: await startTextApp(t, { speaks: 'http/1.1' }, () => 'hi'),
  } as const;
  const { proxy, port } = await startTestProxy(t, { target, alpn: ['h2', 'http/1.1'] });
  await proxy.install(leaf);

  const { pid } = proxy;
  const findings = await examine(dir, caPath, port);
  assert.equal(proxy.pid, pid, 'HAProxy was not restarted');
  const bad = findings.filter(
    ({ id, severity }) => !['OK', 'INFO'].includes(severity) && !Object.hasOwn(EXCLUDED, id),
  );
  assert.deepEqual(
    bad.map(({ id, severity, finding }) => `${severity} ${id}: ${finding}`),
    [],
    'LOW ones included',
  );
  assert.ok(findings.length >= FEWEST_FINDINGS, `only ${findings.length} findings`);
  const found = new Map(findings.map(({ id, finding }) => [id, finding]));
  const seconds = found.get('scanTime');
  t.diagnostic(`${findings.length} findings in ${seconds} s`);
  assert.match(String(seconds), /^\d+$/, 'the scan was complete');
  assert.match(String(found.get('TLS1_3')), /^offered/);
  assert.equal(found.get('ALPN_HTTP2'), 'h2');
  assert.equal(found.get('OCSP_stapling'), 'not offered');
  assert.match(String(found.get('TLS_extensions')), /renegotiation info/);
});
