import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { test } from 'node:test';
import { IngressError } from '../src/errors.ts';
import type { WordingRow } from './wording/row.ts';

/** The sentences of each room, in test/wording/<room>.ts. */
for (const file of globSync('test/wording/*.ts').sort()) {
  // Each of these files exports `rows`; row.ts, which has their type, exports nothing at run time.
  const { rows = [] } = (await import(`../${file}`)) as { readonly rows?: readonly WordingRow[] };
  for (const { when, say, message, hint } of rows) {
    test(`${file}: ${when}`, async () => {
      const said = await say();
      assert.equal(said instanceof Error ? said.message : said, message);
      if (hint !== undefined) assert.equal(said instanceof IngressError && said.hint, hint);
    });
  }
}
