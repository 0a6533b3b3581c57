import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isConnectable } from './syntax.ts';

test('an address is connectable unless it is unspecified or has a zone index', () => {
  for (const good of ['127.0.0.1', '::1', '::ffff:10.0.0.1', '10.0.0.0'])
    assert.ok(isConnectable(good), good);
  for (const bad of ['0.0.0.0', '::', '0:0:0:0:0:0:0:0', 'fe80::1%1', 'app', '']) {
    assert.ok(!isConnectable(bad), bad);
  }
});
