/** What a person has to know of a directory that stands where the guest agent's socket should be. Pure. */
export interface Misplaced {
  /** Completes "there is no guest agent: …". */
  readonly problem: string;
  readonly remedy: string;
}

/** Says why there is no guest agent, where its socket's place holds a directory. */
export function describeMisplaced(directory: string): Misplaced {
  return {
    problem: `${directory} is a directory, not a socket: its source was missing on the host`,
    remedy:
      'Docker makes an empty directory where the source of a bind mount is missing. Remove that directory on the host, mount the socket that the host has (/var/run/dstack.sock, or the older /var/run/tappd.sock) and recreate the container; or set APP_ID.',
  };
}
