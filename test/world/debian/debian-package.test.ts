import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { afterTest } from '../../harness/after-test.ts';
import { cachedProgram, isNewEnough } from './debian-package.ts';

test('compares the major and minor version number', () => {
  const versions = ['2.10', '2.10.0', '2.11.1', '3.0', '2.9.9', '1.99', 'dev', ''];
  assert.deepEqual(
    versions.filter((version) => isNewEnough(version, [2, 10])),
    ['2.10', '2.10.0', '2.11.1', '3.0'],
  );
});

test('takes from the cache only a recent enough executable of that package', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'debian-package-'));
  const before = process.env['XDG_CACHE_HOME'];
  process.env['XDG_CACHE_HOME'] = home;
  afterTest(t, () => {
    if (before === undefined) delete process.env['XDG_CACHE_HOME'];
    else process.env['XDG_CACHE_HOME'] = before;
    rmSync(home, { recursive: true, force: true });
  });
  const put = (folder: string, mode: number): string => {
    const path = join(home, 'dstack-ingress', folder, 'usr/bin/it');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '', { mode });
    return path;
  };
  const wanted = { suite: 'forky', package: 'it', program: 'usr/bin/it', oldest: [2, 10] } as const;
  assert.equal(await cachedProgram(wanted), undefined);
  put('it-2.9.0', 0o755);
  put('at-2.11.0', 0o755);
  put('it-2.12.0', 0o644);
  put('fetching-abc', 0o755);
  assert.equal(await cachedProgram(wanted), undefined);
  const path = put('it-2.10.3', 0o755);
  assert.equal(await cachedProgram(wanted), path);
});
