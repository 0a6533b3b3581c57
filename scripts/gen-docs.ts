import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { providers } from '../providers/registry.ts';
import { withoutEffect } from '../src/config/ignored-variables.ts';
import { unsupported } from '../src/config/older-variables.ts';
import type { Variable, VariableTable } from '../src/config/variable.ts';
import { variables } from '../src/config/variables.ts';
import { type ErrorKind, errorRegistry, fullHint } from '../src/errors.ts';
import { renamedEvents } from '../src/event-messages.ts';
import { performanceDocument } from '../test/bench/data-plane/document.ts';
import type { Results } from '../test/bench/data-plane/results.ts';
import { withExamples } from './doc-examples.ts';

/**
 * Writes the documents that are generated from the code. With `--check`, only reports whether they
 * are up to date.
 */

const GENERATED =
  '<!-- Made by scripts/gen-docs.ts from the code; change it there and run `npm run docs`. -->';

const documents: Readonly<Record<string, string>> = {
  'docs/command-line.md': withExamples(read('docs/command-line.md')),
  'docs/configuration.md': configuration(),
  'docs/errors.md': errors(),
  'docs/performance.md': performance(),
  'docs/decisions/README.md': decisions(),
  'docs/troubleshooting.md': troubleshooting(),
};

function configuration(): string {
  return `# Configuration

${GENERATED}

Everything is configured by environment variables. They are read once, at the start. An empty
variable counts as not set. All configuration errors are reported at once, each with its variable
and its fix; the exit code is then 78, and nothing was started or written.

A variable marked *secret* can be read from a file instead: set \`NAME_FILE\` to its path (Docker and
Kubernetes secrets). Secrets are never logged.

## The ingress

${table(variables)}

${providers.map(ofProvider).join('\n\n')}

## Node.js

\`NODE_EXTRA_CA_CERTS\`: a PEM file with more certificate authorities to trust, for a private CA or
provider endpoint.

## Not in this version

These variables of older containers determine which records are written and by whom, or which key is
served. This version does not support them, and ignoring them would change a production setup, so
setting one is a configuration error, even if it is misspelt.

${rows(
  ['Variable', 'What this version does', 'What to do'],
  Object.entries(unsupported).map(([name, { instead, fine, fix }]) => [
    fine === undefined
      ? code(name)
      : `${code(name)}, other than ${name === 'CHALLENGE_TYPE' ? code('dns-01') : code('false')}`,
    `It ${instead}.`,
    fix,
  ]),
)}

## Without effect

These variables of older containers are known and have no effect. Setting one is logged as a
warning, and so is any other variable that looks like a misspelt one in these tables.

${rows(
  ['Variable', 'Instead'],
  Object.entries(withoutEffect).map(([name, why]) => [code(name), why]),
)}
`;
}

function ofProvider({ title, name, variables: own }: (typeof providers)[number]): string {
  const anchor = title
    .toLowerCase()
    .replace(/[^a-z0-9 ]/g, '')
    .replaceAll(' ', '-');
  return `## ${title} (\`DNS_PROVIDER=${name}\`)

[DNS providers](providers.md#${anchor}) explains how to create the
credentials, and which permissions they need.

${table(own)}`;
}

function performance(): string {
  // `scripts/bench data-plane` writes it.
  const results: Results = JSON.parse(
    readFileSync(new URL('../docs/performance/results.json', import.meta.url), 'utf8'),
  );
  const origin =
    '<!-- Made by scripts/gen-docs.ts from docs/performance/results.json; the prose is in test/bench/data-plane/document.ts. -->';
  return performanceDocument(results, origin);
}

/** Lists docs/decisions/NNNN-name.md by their titles. */
function decisions(): string {
  const folder = new URL('../docs/decisions/', import.meta.url);
  const entries = globSync('[0-9]*.md', { cwd: folder })
    .sort()
    .map((file) => {
      const [, title] = /^# (.+)$/m.exec(readFileSync(new URL(file, folder), 'utf8')) ?? [];
      if (title === undefined) throw new Error(`docs/decisions/${file} has no title`);
      return [`[${file.slice(0, 4)}](${file})`, title];
    });
  return `# Decisions

<!-- Made by scripts/gen-docs.ts from the titles of the files; run \`npm run docs\` after a change. -->

These are the reasons for the design, one decision in each file, with measurements, alternatives and
consequences. [Architecture](../architecture.md) shows how they fit together.

${rows(['', 'Decision'], entries)}
`;
}

function errors(): string {
  const entries = Object.entries<ErrorKind>(errorRegistry).map(([name, kind]) => [
    code(name),
    kind.meaning,
    fullHint(kind),
    kind.retryable ? 'yes' : 'no',
  ]);
  return `# Errors

${GENERATED}

Every error in the log has a code, a message that says what happened, and a hint that says what to
do. \`retryable\` says whether a retry can succeed without any change; the ingress retries by itself
either way, and continues to serve its certificates.

${rows(['Code', 'What happened', 'What to do', 'Retryable'], entries)}
`;
}

/** Only the table between the two comments is generated. */
function troubleshooting(): string {
  const text = readFileSync(new URL('../docs/troubleshooting.md', import.meta.url), 'utf8');
  const events = rows(
    ['`event` now', '`event` from the next release on'],
    renamedEvents().map(({ before, now }) => [code(before), code(now)]),
  );
  return text.replace(
    /(<!-- renamed events[^>]*-->\n).*?(<!-- end -->)/s,
    (_, begin: string, end: string) => `${begin}\n${events}\n\n${end}`,
  );
}

function table(variablesOf: VariableTable): string {
  return rows(
    ['Variable', 'Type', 'Default', 'Meaning'],
    Object.values(variablesOf).map((variable) => [
      names(variable),
      kind(variable),
      presence(variable),
      variable.help,
    ]),
  );
}

function names({ name, aliases = [] }: Variable<unknown>): string {
  return [name, ...aliases].map(code).join(', also ');
}

function kind({ type, secret }: Variable<unknown>): string {
  return secret ? `${type.label === 'secret' ? 'text' : type.label}, *secret*` : type.label;
}

function presence({ presence: kindOf, defaultText }: Variable<unknown>): string {
  if (kindOf === 'required') return '**required**';
  return defaultText === undefined ? '' : code(defaultText);
}

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
}

function code(text: string): string {
  return `\`${text}\``;
}

function rows(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
}

const check = process.argv.includes('--check');
for (const [path, wanted] of Object.entries(documents)) {
  const file = new URL(`../${path}`, import.meta.url);
  if (!check) {
    writeFileSync(file, wanted);
  } else if (readFileSync(file, 'utf8') !== wanted) {
    process.stderr.write(`${path} is stale: run "npm run docs" and commit it.\n`);
    process.exitCode = 1;
  }
}
