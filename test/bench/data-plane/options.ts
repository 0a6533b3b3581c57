import process from 'node:process';
import { parseArgs } from 'node:util';
import { messageOf } from '../../../src/errors.ts';
import { type ContenderId, contenderIds } from './contender.ts';
import type { Work } from './works.ts';

export interface Options {
  readonly rounds: number;
  /** Seconds of each reading. */
  readonly seconds: number;
  readonly only: readonly Part[];
  readonly contenders: readonly ContenderId[];
  /**
   * The root file system of the programs. Undefined: a Debian trixie that is created for the run.
   */
  readonly root: string | undefined;
  /** The folder for results.json and the plots. */
  readonly out: string;
  /** The number of names in the readings with many names; 0 skips those. */
  readonly names: number;
}

/** The values of `--only`: kinds of work, and `names` for all works with many names. */
const parts = ['requests', 'handshakes', 'bulk', 'latency', 'memory', 'names'] as const;
export type Part = (typeof parts)[number];

const USAGE = `scripts/bench data-plane [--rounds 5] [--seconds 3] [--only ${parts.join(',')}]
  [--contenders ${contenderIds.join(',')}]
  [--trixie | --root DIR] [--names 1000] [--out out/performance]`;

/**
 * Parses the options. Ends the process with the usage if requested, or with an error for a wrong
 * option.
 */
export function optionsOrEnd(args: readonly string[]): Options {
  if (args.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  }
  try {
    return parseOptions(args);
  } catch (thrown) {
    process.stderr.write(`${messageOf(thrown)}\n\n${USAGE}\n`);
    process.exit(64);
  }
}

/** Throws for an unknown option. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '3' },
      only: { type: 'string', default: parts.join(',') },
      contenders: { type: 'string', default: contenderIds.join(',') },
      trixie: { type: 'boolean', default: false },
      root: { type: 'string', default: '/' },
      names: { type: 'string', default: '1000' },
      out: { type: 'string', default: 'out/performance' },
    },
  });
  return {
    rounds: whole(values.rounds, 1),
    seconds: whole(values.seconds, 1),
    only: among(parts, values.only),
    contenders: among(contenderIds, values.contenders),
    root: values.trixie ? undefined : values.root,
    names: whole(values.names, 0),
    out: values.out,
  };
}

/** Whether a work with this many names is selected. */
export function isWanted({ only }: Pick<Options, 'only'>, { id, group }: Work, many: boolean): boolean {
  return many ? only.includes('names') && worksOfNames.includes(id) : only.includes(group);
}

/** The works that are repeated with many names. */
const worksOfNames: readonly string[] = ['requests-64-1k', 'handshakes-full', 'handshakes-resumed', 'memory'];

function whole(text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new Error(`not a number: ${text}`);
  return value;
}

function among<Word extends string>(words: readonly Word[], list: string): Word[] {
  const wanted = list.split(',');
  const unknown = wanted.filter((word) => !words.some((known) => known === word));
  if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(', ')}`);
  return words.filter((word) => wanted.includes(word));
}
