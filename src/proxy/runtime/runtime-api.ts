import { connect } from 'node:net';
import { untilAborted, withDeadline } from '../../async.ts';
import type { Clock } from '../../clock.ts';
import { IngressError, messageOf } from '../../errors.ts';

export interface CommandOptions {
  /** Lines that follow the command (`<<`). May hold a secret: it is in no error and no log. */
  readonly payload?: string;
  readonly signal?: AbortSignal | undefined;
}

/** The command line of a running HAProxy (management.txt §9.3). */
export interface RuntimeApi {
  /**
   * Sends one command over a connection of its own and resolves with the whole reply, trimmed. HAProxy reports
   * failures as text too: the caller knows which reply is success.
   *
   * Throws PROXY_COMMAND_FAILED when there is no reply in time, the signal's reason when it aborts, and a RangeError
   * for a command that HAProxy would read as several.
   */
  send(command: string, options?: CommandOptions): Promise<string>;
}

const REPLY_TIMEOUT_MS = 2_000;
/** A command and its payload must fit one buffer of HAProxy's, of which it keeps a little. An HAProxy that was left behind has small ones. */
const MAX_COMMAND = 16_000;

export function runtimeApi(path: string, clock: Clock, timeoutMs = REPLY_TIMEOUT_MS): RuntimeApi {
  return {
    async send(command, { payload, signal } = {}) {
      const text = frame(command, payload);
      const failed = (why: string, cause?: unknown) =>
        new IngressError('PROXY_COMMAND_FAILED', `HAProxy did not answer "${command}": ${why}.`, { cause });
      if (Buffer.byteLength(text) > MAX_COMMAND) throw failed('its payload is too long for one buffer');
      const late = () => failed(`nothing within ${timeoutMs} ms`);
      const reply = await withDeadline({ clock, timeoutMs, signal }, late, (ends) =>
        exchange(path, text, ends).catch((thrown: unknown) => {
          ends.throwIfAborted();
          throw failed(messageOf(thrown), thrown);
        }),
      );
      // Even an empty answer is a line; no line at all is how 2.6 refuses a command that does not fit its buffer.
      if (reply === '') throw failed('it closed the connection');
      return reply.trim();
    },
  };
}

/** `;` ends a command, an empty line ends a payload. */
function frame(command: string, payload: string | undefined): string {
  if (!/^[\x20-\x7e]+$/.test(command) || /;|<</.test(command)) {
    throw new RangeError(`not one command: ${JSON.stringify(command)}`);
  }
  if (payload === undefined) return `${command}\n`;
  if (payload.split('\n').some((line) => line.trim() === '')) {
    throw new RangeError(`the payload of "${command}" has an empty line`);
  }
  return `${command} <<\n${payload}\n\n`;
}

/** Does not close its own side first: HAProxy takes that for a client that no longer wants the answer. */
async function exchange(path: string, text: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const socket = connect({ path });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let reply = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    reply += chunk;
  });
  socket.on('end', () => resolve(reply));
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the connection was closed')));
  socket.write(text);
  try {
    return await untilAborted(promise, signal);
  } catch (thrown) {
    socket.destroy();
    throw thrown;
  }
}
