import { parse } from 'yaml';
import * as z from 'zod';

/** One service of a compose file, as far as the checks need it, in compose's various notations. */
export interface Service {
  readonly image: string;
  readonly restart: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly ports: readonly Port[];
  readonly mounts: readonly Mount[];
  /** Names of its secrets, which are under /run/secrets. */
  readonly secrets: readonly string[];
}

export interface Port {
  /** As published on the host, with a host address if one is given. */
  readonly published: string;
  readonly target: string;
}

export interface Mount {
  /** A path, or the name of a volume. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: readonly string[];
  readonly secrets: readonly string[];
}

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const environment = z
  .union([z.record(z.string(), scalar), z.array(z.string()).transform(fromAssignments)])
  .default({});
const port = z.union([
  scalar.transform(readPort),
  z.object({ published: scalar, target: scalar }).transform((long): Port => long),
]);
const mount = z.union([
  z.string().transform(readMount),
  z
    .object({ source: z.string().default(''), target: z.string(), read_only: z.boolean().default(false) })
    .transform(({ read_only, ...rest }): Mount => ({ ...rest, readOnly: read_only })),
]);
const service = z
  .object({
    image: z.string().default(''),
    restart: z.string().optional(),
    environment,
    ports: z.array(port).default([]),
    volumes: z.array(mount).default([]),
    secrets: z
      .array(z.union([z.string(), z.object({ source: z.string() }).transform(({ source }) => source)]))
      .default([]),
  })
  .transform(({ volumes, ...rest }): Service => ({ ...rest, restart: rest.restart, mounts: volumes }));
const named = z
  .record(z.string(), z.unknown())
  .default({})
  .transform((map) => Object.keys(map));
const file = z.object({ services: z.record(z.string(), service), volumes: named, secrets: named });

/**
 * Parses a compose file and substitutes `${VAR}` as compose does. Throws for invalid YAML, for
 * anything that a compose file cannot contain, and for a variable without a value and a default.
 */
export function readCompose(text: string, values: Readonly<Record<string, string>>): ComposeFile {
  const document: unknown = parse(text, { merge: true });
  return file.parse(fillIn(document, values));
}

function fillIn(node: unknown, values: Readonly<Record<string, string>>): unknown {
  if (typeof node === 'string') return interpolate(node, values);
  if (Array.isArray(node)) return node.map((item) => fillIn(item, values));
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, fillIn(value, values)]));
}

/** The part of compose's interpolation that the examples use: `$$`, `${VAR}`, `${VAR:-default}`. */
export function interpolate(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$(?:\$|\{([A-Za-z_]\w*)(?::-([^}]*))?\}|)/g,
    (found, name?: string, fallback?: string) => {
      if (found === '$$') return '$';
      if (name === undefined) throw new Error(`a dollar sign without a variable: ${text}`);
      const value = values[name] || fallback;
      if (value === undefined) throw new Error(`no value for \${${name}}`);
      return value;
    },
  );
}

function fromAssignments(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

function readPort(text: string): Port {
  const [words = ''] = text.split('/');
  const at = words.lastIndexOf(':');
  return { published: at < 0 ? '' : words.slice(0, at), target: words.slice(at + 1) };
}

function readMount(text: string): Mount {
  const [source = '', target = '', options = ''] = text.split(':');
  return { source, target, readOnly: options.split(',').includes('ro') };
}
