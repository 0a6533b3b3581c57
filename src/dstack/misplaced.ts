import { errorRegistry } from '../errors.ts';

/** A place where the guest agent's socket should be, and is not. */
export interface EmptyPlace {
  readonly path: string;
  readonly holds: 'a directory' | 'something else' | 'nothing';
  /** Whether DSTACK_SIMULATOR_ENDPOINT says that it is there. */
  readonly isNamed: boolean;
}

/** What a person has to know of it. */
export interface Misplaced {
  /** Completes "there is no guest agent: …". */
  readonly problem: string;
  readonly fix: string;
}

/** Says why there is no guest agent, where more is known than that no socket is mounted. Pure. */
export function describeMisplaced({ path, holds, isNamed }: EmptyPlace): Misplaced {
  const { hint } = errorRegistry.IDENTITY_UNKNOWN;
  if (holds === 'a directory') {
    return {
      problem: `${path} is a directory, not a socket: its source was missing on the host`,
      fix: 'Docker makes an empty directory where the source of a bind mount is missing. Remove that directory on the host, mount the socket that the host has (/var/run/dstack.sock, or the older /var/run/tappd.sock) and recreate the container; or set APP_ID.',
    };
  }
  if (!isNamed) return { problem: `${path} is no socket`, fix: hint };
  const what = holds === 'nothing' ? 'where there is no socket' : 'which is no socket';
  return {
    problem: `DSTACK_SIMULATOR_ENDPOINT names ${path}, ${what}`,
    fix: `Let DSTACK_SIMULATOR_ENDPOINT name the socket of a guest agent or simulator, or leave it out. ${hint}`,
  };
}
