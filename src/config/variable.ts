import type * as z from 'zod';

/** What a variable's text may be: a name for the documentation, and the schema that turns the text into a value. */
export interface VariableType<T> {
  /** As docs/configuration.md calls it: "domain name", "seconds". */
  readonly label: string;
  /** Issues carry what is wrong as `message`, and `params.fix` where more is known than the row's fix says. */
  readonly schema: z.ZodType<T, string>;
}

interface VariableText {
  readonly name: string;
  /** Other names with the same meaning, as older containers know them. */
  readonly aliases?: readonly string[];
  /** Never printed, and readable from a file named by `NAME_FILE`. */
  readonly secret?: boolean;
  /** For the person who sets it: what it does, in a sentence or two. */
  readonly help: string;
  /** What to do when it is missing or wrong, with an example. */
  readonly fix: string;
}

/** One row of the table of variables. */
export interface Variable<T> extends VariableText {
  readonly type: VariableType<unknown>;
  readonly presence: 'required' | 'optional' | 'default';
  /** The default as a person would write it. */
  readonly defaultText?: string;
  /** Carries the value's type through the table; never set. */
  readonly _value?: T;
}

export type VariableTable = Readonly<Record<string, Variable<unknown>>>;

/** What reading a table gives: the same keys, with values. */
export type Settings<T extends VariableTable> = {
  readonly [K in keyof T]: T[K] extends Variable<infer V> ? V : never;
};

export function required<T>(type: VariableType<T>, text: VariableText): Variable<T> {
  return { ...text, type, presence: 'required' };
}

export function optional<T>(type: VariableType<T>, text: VariableText): Variable<T | undefined> {
  return { ...text, type, presence: 'optional' };
}

/** A variable that always has a value. The default is written as its text and read like any other. */
export function withDefault<T>(type: VariableType<T>, defaultText: string, text: VariableText): Variable<T> {
  return { ...text, type, presence: 'default', defaultText };
}
