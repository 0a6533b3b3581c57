/** Reads JSON of unknown shape. Pure. */

/** The value if it is an object, otherwise an empty object. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  // Any object can be indexed by keys; the values stay unknown.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** The value if it is a string, otherwise undefined. */
export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
