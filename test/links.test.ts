import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { test } from 'node:test';

const root = new URL('../', import.meta.url);
const documents = globSync('{*.md,docs/**/*.md,examples/**/*.md}', { cwd: root }).sort();

/**
 * The targets of links: Markdown files by their text, others by their existence. Paths are relative
 * to the repository.
 */
interface Tree {
  text(path: string): string;
  has(path: string): boolean;
}

const repository: Tree = {
  text: (path) => readFileSync(new URL(path, root), 'utf8'),
  has: (path) => existsSync(new URL(path, root)),
};

/** The relative links of a document that lead nowhere. */
function brokenLinks(document: string, tree: Tree): string[] {
  return linksOf(tree.text(document)).filter((link) => {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? document : join(dirname(document), path);
    if (target.startsWith('..') || !tree.has(target)) return true;
    return anchor !== undefined && !(target.endsWith('.md') && anchorsOf(tree.text(target)).has(anchor));
  });
}

function linksOf(text: string): string[] {
  const prose = withoutFences(text).replace(/`[^`\n]*`/g, '');
  const inline = [...prose.matchAll(/\]\(\s*<?([^\s)>]+)/g)];
  const references = [...prose.matchAll(/^ {0,3}\[[^\]]+\]:\s+<?([^\s>]+)/gm)];
  return [...inline, ...references]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z][a-z+.-]*:/i.test(link));
}

/**
 * The anchors that GitHub makes from headings: lower case, hyphens for spaces, a number after a
 * repeated one.
 */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutFences(text).matchAll(/^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = words.replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '').replaceAll(' ', '-');
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n += 1) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

function withoutFences(text: string): string {
  return text.replace(/^( *)(```+|~~~+).*\n(?:.*\n)*?\1\2[ \t]*$/gm, '');
}

test('the documents are found, and have links', () => {
  for (const path of ['README.md', 'CONTRIBUTING.md', 'docs/providers.md', 'examples/README.md'])
    assert.ok(linksOf(repository.text(path)).length > 0, path);
  assert.ok(documents.length >= 11, documents.join());
});

for (const document of documents) {
  test(`every relative link in ${document} has a target`, () => {
    assert.deepEqual(brokenLinks(document, repository), []);
  });
}

const files: Readonly<Record<string, string>> = {
  'docs/other.md': '# `A` title: *twice*\n\n## Same\n\n## Same\n\n```sh\n# not a heading\n```\n',
  'examples/a.yaml': '',
};

const links: [link: string, leads: boolean][] = [
  ['other.md', true],
  ['./other.md#a-title-twice', true],
  ['other.md#same-1', true],
  ['../examples/a.yaml', true],
  ['#here', true],
  ['https://example.com/nowhere', true],
  ['mailto:ops@example.com', true],
  ['gone.md', false],
  ['a.yaml', false],
  ['../../outside.md', false],
  ['#gone', false],
  ['other.md#same-2', false],
  ['other.md#not-a-heading', false],
  ['../examples/a.yaml#anchor', false],
];

for (const [link, leads] of links) {
  test(`a link to ${link} ${leads ? 'has a target' : 'is reported as broken'}`, () => {
    for (const text of [`Beside [words](${link}) here.`, `[words][1]\n\n[1]: ${link}`]) {
      const all: Readonly<Record<string, string>> = { ...files, 'docs/this.md': `# Here\n\n${text}\n` };
      const tree: Tree = { text: (path) => all[path] ?? '', has: (path) => path in all };
      assert.deepEqual(brokenLinks('docs/this.md', tree), leads ? [] : [link]);
    }
  });
}

test('text in code is not a link', () => {
  assert.deepEqual(linksOf('`[a](b.md)`\n\n```md\n[c](d.md)\n```\n\n[e](f.md)\n'), ['f.md']);
});
