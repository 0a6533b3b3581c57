import { errorRegistry } from '../errors.ts';

/** A path that should hold the socket of the guest agent but does not. */
export interface MissingSocket {
  readonly path: string;
  readonly holds: 'a directory' | 'something else' | 'nothing';
  /** Whether the path comes from DSTACK_SIMULATOR_ENDPOINT. */
  readonly isNamed: boolean;
}

/** A problem with the socket, and its fix. */
export interface SocketProblem {
  /** Completes "there is no guest agent: …". */
  readonly problem: string;
  readonly fix: string;
}

/** Describes why there is no guest agent at a path. Pure. */
export function describeMissingSocket({ path, holds, isNamed }: MissingSocket): SocketProblem {
  const { hint } = errorRegistry.IDENTITY_UNKNOWN;
  if (holds === 'a directory') {
    return {
      problem: `${path} is a directory, not a socket: its source was missing on the host`,
      fix: 'Remove that directory on the host (Docker created it because the source of the bind mount was missing), mount the socket that the host has (/var/run/dstack.sock, or the older /var/run/tappd.sock) and recreate the container; or set APP_ID.',
    };
  }
  if (!isNamed) return { problem: `${path} is not a socket`, fix: hint };
  const what = holds === 'nothing' ? 'where there is no socket' : 'which is not a socket';
  return {
    problem: `DSTACK_SIMULATOR_ENDPOINT is ${path}, ${what}`,
    fix: `Set DSTACK_SIMULATOR_ENDPOINT to the socket of a guest agent or simulator, or remove it. ${hint}`,
  };
}
