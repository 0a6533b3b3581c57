import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { namedBytes, SCHEMES } from './endpoint.ts';

test('docs/traffic.md has the table of schemes of bytes', () => {
  const rows = new Map<string, string[]>();
  for (const name of namedBytes) {
    const { port, alpn } = SCHEMES[name];
    const columns = `${port} | ${alpn.map((protocol) => `\`${protocol}\``).join(', ')}`;
    rows.set(columns, [...(rows.get(columns) ?? []), `\`${name}\``]);
  }
  const table = [...rows].map(([columns, names]) => `| ${names.join(', ')} | ${columns} |\n`).join('');
  const document = readFileSync(new URL('../../docs/traffic.md', import.meta.url), 'utf8');
  assert.ok(document.includes(`| --- | --- | --- |\n${table}\n`), table);
});
