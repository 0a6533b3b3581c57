import type * as z from 'zod';
import type { IngressError } from '../../src/errors.ts';

/** An answer of success as its schema has it. `bad` makes the error that is thrown for anything else, from what was answered. */
export function readJson<T extends z.ZodType>(
  text: string,
  schema: T,
  bad: (what: string) => IngressError,
): z.infer<T> {
  const json = parseJson(text);
  if (json === undefined) throw bad(`something that is not JSON (${text.length} characters)`);
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw bad(`JSON that is not documented, at ${issue?.path.join('.') || 'its root'}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
