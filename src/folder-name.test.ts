import assert from 'node:assert/strict';
import { test } from 'node:test';
import { folderNameOf } from './volume.ts';

test('the folder name of a directory URL has its host and path', () => {
  const names: Readonly<Record<string, string>> = {
    'https://acme-v02.api.letsencrypt.org/directory': 'acme-v02.api.letsencrypt.org_directory',
    'https://127.0.0.1:14000/dir': '127.0.0.1:14000_dir',
    'https://ca.example/': 'ca.example',
    'https://ca.example': 'ca.example',
    'HTTPS://CA.example:443/acme/acme/directory?x=1': 'ca.example_acme_acme_directory',
    'https://ca.example/../../etc/%2e%2e/x': 'ca.example_x',
  };
  for (const [url, name] of Object.entries(names)) assert.equal(folderNameOf(url), name, url);
});

test('different paths have different folder names, and none is a path', () => {
  const names = ['a', 'b', 'a/b', 'a_b', 'a%2Fb', 'a-b'].map((path) =>
    folderNameOf(`https://ca.example/${path}`),
  );
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[^/]+$/);
});
