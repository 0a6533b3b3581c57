import type { Clock } from '../../clock.ts';
import { BUFFER, type Side } from '../config/buffers.ts';
import type { RuntimeApi } from '../runtime/runtime-api.ts';
import { readShowErrors } from '../runtime/show-errors.ts';
import { within } from '../within.ts';
import { type ConnectionFailure, asTooLarge, unparsedMessage } from './failure.ts';

/** Milliseconds before HAProxy is asked again about the same proxy: it copies out a whole buffer. */
const QUIET_MS = 1_000;
/** An older message is not the one that a line speaks of. */
const LATEST_MS = 5_000;

/** Makes more of a failure and its line than the line says. Never rejects. */
export type RefineFailure = (failure: ConnectionFailure, line: string) => Promise<ConnectionFailure>;

/**
 * Tells a header that HAProxy had no room for from a message that is none: both end in the same line. HAProxy keeps the message, and is
 * asked for it beside the path of requests, once in a second for each proxy.
 */
export function detectOversizedHeaders(socket: RuntimeApi, clock: Clock): RefineFailure {
  const asked = new Map<string, { readonly at: number; readonly answer: Promise<string> }>();
  const ask = async (command: string, side: Side): Promise<string> => {
    const now = clock.now().getTime();
    const last = asked.get(command);
    // An app fails in the same way again; the next client may have made another mistake.
    if (last && within(QUIET_MS, last.at, now)) return side === 'answer' ? await last.answer : '';
    const answer = socket.send(command).catch(() => '');
    asked.set(command, { at: now, answer });
    return await answer;
  };
  return async (failure, line) => {
    const unread = unparsedMessage(failure, line);
    if (!unread) return failure;
    const { proxy, side } = unread;
    const command = `show errors ${proxy} ${side === 'request' ? 'request' : 'response'}`;
    const captured = readShowErrors(await ask(command, side), BUFFER.fields);
    const fits = captured?.client === failure.client && captured.ageMs < LATEST_MS;
    return fits && captured.tooLarge ? asTooLarge(failure, side) : failure;
  };
}
