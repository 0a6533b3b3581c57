import type { Clock } from '../../clock.ts';
import { BUFFER, type Side } from '../config/buffers.ts';
import { isRecent } from '../recent.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import { readShowErrors } from '../runtime/show-errors.ts';
import { asTooLarge, type ConnectionFailure, unparsedMessage } from './failure.ts';

/** Milliseconds between two `show errors` for one proxy: each copies a whole buffer. */
const MIN_INTERVAL_MS = 1_000;
/** A message that was captured longer ago is not the one in the log line. */
const MAX_AGE_MS = 5_000;

/** Adds to a failure what its log line does not contain. Never rejects. */
export type RefineFailure = (failure: ConnectionFailure, line: string) => Promise<ConnectionFailure>;

/**
 * Distinguishes a header that exceeds HAProxy's own limits from an invalid message: both end in the
 * same log line. HAProxy keeps the latest such message of each proxy. It is queried for it at most
 * once a second, which delays no request.
 */
export function detectOversizedHeaders(api: RuntimeApi, clock: Clock): RefineFailure {
  const queries = new Map<string, { readonly at: number; readonly reply: Promise<string> }>();
  const query = async (command: string, side: Side): Promise<string> => {
    const now = clock.now().getTime();
    const last = queries.get(command);
    // An app repeats its fault, but the next client may have made a different one.
    if (last && isRecent(last.at, MIN_INTERVAL_MS, now)) return side === 'response' ? await last.reply : '';
    const reply = api.send(command).catch(() => '');
    queries.set(command, { at: now, reply });
    return await reply;
  };
  return async (failure, line) => {
    const unparsed = unparsedMessage(failure, line);
    if (!unparsed) return failure;
    const { proxy, side } = unparsed;
    const captured = readShowErrors(await query(`show errors ${proxy} ${side}`, side), BUFFER.fields);
    const isSame = captured?.client === failure.client && captured.ageMs < MAX_AGE_MS;
    return isSame && captured.tooLarge ? asTooLarge(failure, side) : failure;
  };
}
