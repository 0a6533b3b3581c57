import { connect } from 'node:net';
import { untilAborted, withDeadline } from '../../async.ts';
import type { Clock } from '../../clock.ts';
import { IngressError, messageOf } from '../../errors.ts';

export interface CommandOptions {
  /** Lines after the command (`<<`). May hold a secret, so it is in no error and no log. */
  readonly payload?: string;
  readonly signal?: AbortSignal | undefined;
}

/** The runtime API of a running HAProxy (management.txt §9.3). */
export interface RuntimeApi {
  /**
   * Sends one command over a connection of its own and resolves with the whole reply, trimmed.
   * HAProxy reports failures as text too: the caller decides which replies mean success (see
   * expectReply).
   *
   * Throws PROXY_COMMAND_FAILED when there is no reply in time, the signal's reason when it aborts,
   * and a RangeError for a command that HAProxy would read as several.
   */
  send(command: string, options?: CommandOptions): Promise<string>;
}

const REPLY_TIMEOUT_MS = 2_000;
/**
 * Bytes of a command with its payload: both have to fit one of HAProxy's buffers, part of which is
 * reserved. An HAProxy left by an earlier run may have buffers of the default size.
 */
const MAX_COMMAND = 16_000;

/** The runtime API behind a Unix socket. */
export function runtimeApi(path: string, clock: Clock, timeoutMs = REPLY_TIMEOUT_MS): RuntimeApi {
  return {
    async send(command, { payload, signal } = {}) {
      const text = frame(command, payload);
      const failed = (why: string, cause?: unknown) =>
        new IngressError('PROXY_COMMAND_FAILED', `HAProxy did not answer "${command}": ${why}.`, {
          cause,
          details: { command },
        });
      if (Buffer.byteLength(text) > MAX_COMMAND) throw failed('the payload does not fit one buffer');
      const late = () => failed(`no reply within ${timeoutMs} ms`);
      const reply = await withDeadline({ clock, timeoutMs, signal }, late, (ends) =>
        exchange(path, text, ends).catch((thrown: unknown) => {
          ends.throwIfAborted();
          throw failed(messageOf(thrown), thrown);
        }),
      );
      // An empty reply is still one line. HAProxy 2.6 closes without any line if a command does not
      // fit its buffer.
      if (reply === '') throw failed('it closed the connection');
      return reply.trim();
    },
  };
}

/**
 * Sends a command and throws PROXY_COMMAND_FAILED with HAProxy's reply unless that matches
 * `success`.
 */
export async function expectReply(
  api: RuntimeApi,
  command: string,
  success: RegExp,
  options: CommandOptions = {},
): Promise<string> {
  const reply = await api.send(command, options);
  if (success.test(reply)) return reply;
  throw new IngressError('PROXY_COMMAND_FAILED', `HAProxy refused "${command}": ${inOneLine(reply)}`, {
    details: { command, reply },
  });
}

function inOneLine(reply: string): string {
  return reply.trim().replace(/\s*\n\s*/g, ' ');
}

/** `;` ends a command, an empty line ends a payload. */
function frame(command: string, payload: string | undefined): string {
  if (!/^[\x20-\x7e]+$/.test(command) || /;|<</.test(command)) {
    throw new RangeError(`not a single command: ${JSON.stringify(command)}`);
  }
  if (payload === undefined) return `${command}\n`;
  if (payload.split('\n').some((line) => line.trim() === '')) {
    throw new RangeError(`the payload of "${command}" has an empty line`);
  }
  return `${command} <<\n${payload}\n\n`;
}

/**
 * Sends a text and resolves with the reply. Does not close its own side first: HAProxy would assume
 * that the client no longer wants the reply.
 */
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
