import type { Clock } from '../../clock.ts';
import { ROOM, type Side } from '../config/buffers.ts';
import type { RuntimeSocket } from '../runtime/runtime-api.ts';
import { readCaptured } from '../runtime/show-errors.ts';
import { within } from '../within.ts';
import { type Failure, tooLarge, unreadIn } from './failure.ts';

/** Milliseconds before HAProxy is asked again about the same proxy: it copies out a whole buffer. */
const QUIET_MS = 1_000;
/** An older message is not the one that a line speaks of. */
const LATEST_MS = 5_000;

/** Makes more of a failure and its line than the line says. Never rejects. */
export type Explain = (failure: Failure, line: string) => Promise<Failure>;

/**
 * Tells a header that HAProxy had no room for from a message that is none: both end in the same line. HAProxy keeps the message, and is
 * asked for it beside the path of requests, once in a second for each proxy.
 */
export function explainer(socket: RuntimeSocket, clock: Clock): Explain {
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
    const unread = unreadIn(failure, line);
    if (!unread) return failure;
    const { proxy, side } = unread;
    const command = `show errors ${proxy} ${side === 'request' ? 'request' : 'response'}`;
    const captured = readCaptured(await ask(command, side), ROOM.fields);
    const fits = captured?.client === failure.client && captured.ageMs < LATEST_MS;
    return fits && captured.tooLarge ? tooLarge(failure, side) : failure;
  };
}
