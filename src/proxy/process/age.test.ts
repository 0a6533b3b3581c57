import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryWarning } from './age.ts';

const versions: readonly [version: string, falls: boolean][] = [
  ['2.6.12-1+deb12u4', true],
  ['2.9.0', true],
  ['3.0.11-1+deb13u4', false],
  ['10.0.0', false],
  ['unknown', false],
];
for (const [version, falls] of versions)
  test(`HAProxy ${version} ${falls ? 'leaves' : 'does not leave'} requests to the client to be sent again`, () => {
    assert.equal(retryWarning(version)?.includes(`HAProxy ${version} `) ?? false, falls);
  });
