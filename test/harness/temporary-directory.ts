import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { afterTest } from './after-test.ts';

const ofFile: string[] = [];
process.once('exit', () => ofFile.forEach(remove));

/**
 * Creates a directory and gives its path. It is removed when the test ends or, without a test, when
 * all tests of the file have ended.
 */
export function temporaryDirectory(t?: Pick<TestContext, 'after'>): string {
  const path = mkdtempSync(join(tmpdir(), 'dstack-ingress-test-'));
  if (t) afterTest(t, () => remove(path));
  else ofFile.push(path);
  return path;
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
}
