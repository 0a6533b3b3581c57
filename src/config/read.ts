import type * as z from 'zod';
import { systemErrorCode } from '../errors.ts';
import type { Fault, ValueFault } from './faults.ts';
import type { Settings, Variable, VariableTable } from './variable.ts';
import type { ConfigWarning } from './warnings.ts';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the text of a file, for `NAME_FILE`. Throws what the file system throws. */
export type ReadFile = (path: string) => string;

/** The values, with all faults and warnings. */
export interface Reading<T> {
  readonly values: T;
  readonly faults: readonly Fault[];
  readonly warnings: readonly ConfigWarning[];
}

interface Found {
  readonly name: string;
  readonly text: string;
  readonly fromFile?: boolean;
}

/**
 * Reads a table of variables. An empty variable counts as not set, because compose files pass
 * `${NAME:-}`. Reading continues after a fault, so that all of them are reported; with faults,
 * `values` is incomplete and must not be used.
 */
export function readTable<T extends VariableTable>(
  table: T,
  environment: Environment,
  readFile: ReadFile,
): Reading<Settings<T>> {
  const values: Record<string, unknown> = {};
  const faults: Fault[] = [];
  const warnings: ConfigWarning[] = [];
  for (const [key, variable] of Object.entries(table)) {
    const found = find(variable, environment, readFile, faults, warnings);
    if (found === 'fault') continue;
    values[key] = found === undefined ? absent(variable, faults) : parse(variable, found, faults);
  }
  // Each key was read by the schema of its own row.
  return { values: values as Settings<T>, faults, warnings };
}

function find(
  variable: Variable<unknown>,
  environment: Environment,
  readFile: ReadFile,
  faults: Fault[],
  warnings: ConfigWarning[],
): Found | 'fault' | undefined {
  const found: Found[] = [];
  for (const name of [variable.name, ...(variable.aliases ?? [])]) {
    const one = findOne(name, variable, environment, readFile);
    if ('problem' in one) {
      faults.push(one);
      return 'fault';
    }
    const text = clean(one.text, variable, { name, ...one }, warnings);
    if (text !== '') found.push({ name, text });
  }
  const [first, second] = found;
  if (first && second && first.text !== second.text) {
    warnings.push({ kind: 'aliases-differ', variable: first.name, ignored: second.name });
  }
  return first;
}

function findOne(
  name: string,
  variable: Variable<unknown>,
  environment: Environment,
  readFile: ReadFile,
): Omit<Found, 'name'> | Fault {
  const text = environment[name] ?? '';
  const file = variable.secret ? (environment[`${name}_FILE`] ?? '').trim() : '';
  if (file === '') return { text };
  if (text.trim() !== '') {
    return {
      variable: name,
      kind: 'conflicting',
      problem: `and ${name}_FILE are both set`,
      fix: `Remove ${name} or ${name}_FILE.`,
    };
  }
  try {
    const content = readFile(file);
    if (content.trim() !== '') return { text: content, fromFile: true };
    return {
      variable: `${name}_FILE`,
      kind: 'empty-file',
      problem: 'names an empty file',
      fix: 'Write the secret to the file.',
    };
  } catch (thrown) {
    // The message would show the path, which may be the secret itself by mistake.
    const code = systemErrorCode(thrown);
    return {
      variable: `${name}_FILE`,
      kind: 'unreadable-file',
      problem: `names a file that cannot be read${code === undefined ? '' : ` (${code})`}`,
      details: { code },
      fix: 'Mount the secret and set its path.',
    };
  }
}

// Pasted secrets often contain quotes and line breaks; in other values the type reports them. A
// file may end with a line break.
function clean(text: string, variable: Variable<unknown>, found: Found, warnings: ConfigWarning[]): string {
  const trimmed = text.trim();
  if (!variable.secret) return trimmed;
  const unquoted = /^(["'])(.*)\1$/s.exec(trimmed)?.[2]?.trim();
  if (unquoted !== undefined) warnings.push({ kind: 'quotes-removed', variable: found.name });
  const whole = (unquoted ?? trimmed).replace(/[\r\n]+[ \t]*/g, '');
  const broken = whole !== (unquoted ?? trimmed) || (!found.fromFile && /[\r\n]/.test(text));
  if (broken) warnings.push({ kind: 'line-break-removed', variable: found.name });
  return whole;
}

function absent(variable: Variable<unknown>, faults: Fault[]): unknown {
  if (variable.presence === 'default') {
    return parse(variable, { name: variable.name, text: variable.defaultText ?? '' }, faults);
  }
  if (variable.presence === 'required') {
    const { name, aliases = [], fix } = variable;
    faults.push({ variable: name, kind: 'missing', problem: 'is not set', fix, missing: [name, ...aliases] });
  }
  return undefined;
}

function parse(variable: Variable<unknown>, found: Found, faults: Fault[]): unknown {
  const result = variable.type.schema.safeParse(found.text);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    faults.push({ variable: found.name, fix: variable.fix, ...valueFault(issue) });
  }
  return undefined;
}

/** The fault that `type` reported, or one with zod's own message. */
function valueFault(issue: z.core.$ZodIssue): ValueFault {
  // `type` is the only source of custom issues, and always sets it.
  const fault = issue.code === 'custom' ? (issue.params?.['fault'] as ValueFault | undefined) : undefined;
  return fault ?? { kind: 'malformed', problem: issue.message };
}
