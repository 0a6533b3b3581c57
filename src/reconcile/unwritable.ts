import type { IngressError } from '../errors.ts';

/** What was said last of something that takes nothing, and when, in milliseconds of the epoch. */
export interface ToldFault {
  readonly message: string;
  readonly at: number;
}

/** Milliseconds; a little less than the hour between two rounds over everything. */
const AGAIN_MS = 55 * 60_000;

/**
 * Whether what keeps a place on the volume from being written is to be said now: when it begins, when it is another fault, and about
 * every hour; not with every retry. Remembers in `told` that it was, and forgets it once the place can be written.
 */
export function isNews(
  told: Map<string, ToldFault>,
  place: string,
  fault: IngressError | undefined,
  now: Date,
): fault is IngressError {
  const last = told.get(place);
  if (fault === undefined) {
    told.delete(place);
    return false;
  }
  const { message } = fault;
  const at = now.getTime();
  // A clock that was set back must not keep it quiet.
  if (last?.message === message && at >= last.at && at - last.at < AGAIN_MS) return false;
  told.set(place, { message, at });
  return true;
}
