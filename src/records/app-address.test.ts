import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appAddress } from './app-address.ts';

test('the app-address is below the name, that of a wildcard below its base name', () => {
  const app = { appId: 'a1', port: 8443, txtPrefix: '_x' };
  assert.deepEqual(appAddress({ ...app, domain: 'app.example.com' }), {
    name: '_x.app.example.com',
    type: 'TXT',
    value: 'a1:8443',
  });
  assert.equal(appAddress({ ...app, domain: '*.example.com' }).name, '_x-wildcard.example.com');
});
