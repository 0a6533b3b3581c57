import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { afterTest } from '../../../test/harness/after-test.ts';
import { makeCertificate } from '../../../test/harness/ca/certificates.ts';
import { whyNoCa } from './configuration.ts';

const { chainPem } = await makeCertificate({ names: ['ca.example'] });
const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

const files: [title: string, write: (path: string) => void, kind: string | undefined][] = [
  ['missing', () => undefined, 'unreadable-file'],
  ['a directory', (path) => mkdirSync(path), 'unreadable-file'],
  ['without a certificate', (path) => writeFileSync(path, 'no certificate\n'), 'not-a-certificate'],
  ['a damaged certificate', (path) => writeFileSync(path, chainPem + damaged), 'not-a-certificate'],
  ['a certificate', (path) => writeFileSync(path, chainPem), undefined],
];
for (const [title, write, kind] of files) {
  test(`a CA file that is ${title}: ${kind ?? 'no fault'}`, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ca-file-'));
    afterTest(t, () => rmSync(folder, { recursive: true }));
    const path = join(folder, 'ca.pem');
    write(path);
    const fault = whyNoCa(path);
    assert.equal(fault?.kind, kind);
    if (fault) assert.ok(fault.problem.endsWith(`: ${path}`), fault.problem);
  });
}
