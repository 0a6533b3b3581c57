/** Looking into JSON of which nothing is known. Pure. */

/** The object that a value is; an empty one for anything else. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  // Any object can be looked into by keys; the values stay unknown.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** The string that a value is. */
export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
