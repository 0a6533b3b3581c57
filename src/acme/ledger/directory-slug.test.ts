import assert from 'node:assert/strict';
import { test } from 'node:test';
import { directorySlug } from './directory-slug.ts';

test('a directory is told by its host and path', () => {
  const slugs: Readonly<Record<string, string>> = {
    'https://acme-v02.api.letsencrypt.org/directory': 'acme-v02.api.letsencrypt.org_directory',
    'https://127.0.0.1:14000/dir': '127.0.0.1:14000_dir',
    'https://ca.example/': 'ca.example',
    'https://ca.example': 'ca.example',
    'HTTPS://CA.example:443/acme/acme/directory?x=1': 'ca.example_acme_acme_directory',
    'https://ca.example/../../etc/%2e%2e/x': 'ca.example_x',
  };
  for (const [url, slug] of Object.entries(slugs)) assert.equal(directorySlug(url), slug, url);
});

test('other paths are other folders, and none leads out of its own', () => {
  const slugs = ['a', 'b', 'a/b', 'a_b', 'a%2Fb', 'a-b'].map((path) =>
    directorySlug(`https://ca.example/${path}`),
  );
  assert.equal(new Set(slugs).size, slugs.length);
  for (const slug of slugs) assert.match(slug, /^[^/]+$/);
});
