/** A fault at a point: at an act of the process on its volume, or at a request that it makes. */
export type FaultAct = 'kill-before' | 'kill-after' | 'kill-torn' | 'ENOSPC' | 'EROFS' | 'torn';

/** The one fault of a run. */
export interface Fault {
  /** A label such as `rename live/app.example.test/cert.pem #1`, or a number, counted from 1. */
  readonly at: string | number;
  readonly act: FaultAct;
  /**
   * A file: the fault lasts from its point until the file exists. Otherwise it occurs once.
   */
  readonly until?: string | undefined;
}

/** One line of the record. */
export interface Point {
  readonly number: number;
  /** The act, its object, and its count so far: the same in every run. */
  readonly label: string;
  /** The original path or URL. */
  readonly target: string;
  readonly fault?: FaultAct;
}

/** Kinds of acts whose bytes can be cut in half. */
const WRITES: ReadonlySet<string> = new Set(['write', 'writeFile', 'appendFile']);
/** Kinds that a full disk refuses. It usually has a free inode, and allows removals. */
const NEED_ROOM: ReadonlySet<string> = new Set([...WRITES, 'mkdir', 'mkdtemp', 'copyFile', 'truncate']);

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
// The date in a file name; a date in an API's path is its version.
const DATE = /\b\d{4}-\d{2}-\d{2}(?=\.)/g;
// The worlds' networks are random, but their hosts have fixed numbers.
const LOOPBACK = /\b127\.\d+\.\d+\.(\d+)/g;
// Ids and tokens in hexadecimal, in capitals and digits, or in base64url, also two joined by a dot
// (RFC 9773 §4.1).
const OPAQUE = /^(?:[0-9a-f]{12,}|(?=.*\d)[0-9A-Z]{12,}|(?=.*[a-z])(?=.*[A-Z])[\w-]{16,}(?:\.[\w-]+)?)$/;

/** A path without the parts that differ from run to run. */
export function stablePath(path: string): string {
  return path
    .split('/')
    .map((segment) => (OPAQUE.test(segment) ? '*' : segment))
    .join('/')
    .replace(UUID, '*')
    .replace(DATE, '*')
    .replace(LOOPBACK, '127.*.*.$1');
}

/**
 * Numbers acts in order. `kind` is an HTTP method in capitals, or the name of a file system call.
 */
export function createNumbering(): (kind: string, path: string) => Pick<Point, 'number' | 'label'> {
  const counts = new Map<string, number>();
  let number = 0;
  return (kind, path) => {
    const what = `${kind} ${stablePath(path)}`;
    const count = (counts.get(what) ?? 0) + 1;
    counts.set(what, count);
    number += 1;
    return { number, label: `${what} #${count}` };
  };
}

/** The faults that are possible at a point. */
export function actsAt(label: string): readonly FaultAct[] {
  const kind = kindOf(label);
  if (/^[A-Z]+$/.test(kind)) return ['kill-before', 'kill-after'];
  const files = ['kill-before', 'kill-after', 'ENOSPC', 'EROFS'] as const;
  return WRITES.has(kind) ? [...files, 'kill-torn', 'torn'] : files;
}

/**
 * Decides on the fault at each point; `isMended` returns whether a lasting fault is over. A full or
 * read-only disk does not affect an act that would change nothing, such as creating an existing
 * folder.
 */
export function createFaultPlan(
  fault: Fault | undefined,
  isMended: () => boolean,
): (point: Pick<Point, 'number' | 'label'>, changesNothing?: boolean) => FaultAct | undefined {
  let isBroken = false;
  return (point, changesNothing = false) => {
    if (!fault) return undefined;
    if (point.number === fault.at || point.label === fault.at) {
      isBroken = fault.until !== undefined;
      return fault.act;
    }
    if (isBroken && isMended()) isBroken = false;
    if (!isBroken || changesNothing) return undefined;
    const lasting = fault.act === 'EROFS' ? 'EROFS' : 'ENOSPC';
    return suffers(kindOf(point.label), lasting) ? lasting : undefined;
  };
}

function suffers(kind: string, lasting: 'EROFS' | 'ENOSPC'): boolean {
  if (/^[A-Z]+$/.test(kind)) return false;
  return lasting === 'EROFS' ? kind !== 'sync' : NEED_ROOM.has(kind);
}

function kindOf(label: string): string {
  return label.slice(0, label.indexOf(' '));
}
