import type * as z from 'zod';

/**
 * The type of a variable: its name in the documentation, and the schema that turns text into a
 * value.
 */
export interface VariableType<T> {
  /** The type's name in docs/configuration.md: "domain name", "seconds". */
  readonly label: string;
  /** An issue has what is wrong as `message`, and the ValueFault as `params.fault`. */
  readonly schema: z.ZodType<T, string>;
}

interface VariableText {
  readonly name: string;
  /** Other names with the same meaning, from older containers. */
  readonly aliases?: readonly string[];
  /** Never printed, and can be read from the file that `NAME_FILE` names. */
  readonly secret?: boolean;
  /** Its effect, in a sentence or two. */
  readonly help: string;
  /** The operator's action if it is missing or wrong, with an example. */
  readonly fix: string;
}

/** One row of the table of variables. */
export interface Variable<T> extends VariableText {
  readonly type: VariableType<unknown>;
  readonly presence: 'required' | 'optional' | 'default';
  /** The default as it would be written in the environment. */
  readonly defaultText?: string;
  /** Carries the type of the value through the table; never set. */
  readonly _value?: T;
}

/** Variables by the key of their value. */
export type VariableTable = Readonly<Record<string, Variable<unknown>>>;

/** The result of reading a table: the same keys, with values. */
export type Settings<T extends VariableTable> = {
  readonly [K in keyof T]: T[K] extends Variable<infer V> ? V : never;
};

/** A variable that must be set. */
export function required<T>(type: VariableType<T>, text: VariableText): Variable<T> {
  return { ...text, type, presence: 'required' };
}

/** A variable without a default. */
export function optional<T>(type: VariableType<T>, text: VariableText): Variable<T | undefined> {
  return { ...text, type, presence: 'optional' };
}

/** A variable that always has a value. The default is text, and parsed like any other. */
export function withDefault<T>(type: VariableType<T>, defaultText: string, text: VariableText): Variable<T> {
  return { ...text, type, presence: 'default', defaultText };
}
