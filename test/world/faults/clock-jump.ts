import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../ingress.ts';
import { folderBesideVolume, withPreload } from './preload.ts';

/** The clock of an ingress. */
export interface JumpingClock {
  /** The environment for the ingress, also after a restart. */
  readonly environment: Environment;
  /** Milliseconds by which it is ahead of this process. */
  readonly offsetMs: number;
  /**
   * Moves the clock by this many milliseconds, forward or back; also affects a running ingress at
   * once.
   */
  jump(ms: number): void;
}

/**
 * Gives an ingress a clock that can be set: its `Date`. The kernel's clock stays, and so do file
 * times, HAProxy, and OpenSSL's check in a handshake whether a certificate is valid. The CA's clock
 * stays, too: its certificates are old for an ingress that is ahead. Timers are not affected by a
 * jump.
 */
export function environmentWithClock(environment: Environment): JumpingClock {
  const folder = folderBesideVolume(environment, 'clock');
  const CLOCK_OFFSET_FILE = join(folder, 'offset-ms');
  let offsetMs = 0;
  const write = () => {
    // The rename is atomic: a reader gets either the old or the new content.
    writeFileSync(`${CLOCK_OFFSET_FILE}.new`, String(offsetMs));
    renameSync(`${CLOCK_OFFSET_FILE}.new`, CLOCK_OFFSET_FILE);
  };
  write();
  return {
    environment: { ...withPreload(environment, 'clock.ts'), CLOCK_OFFSET_FILE },
    get offsetMs() {
      return offsetMs;
    },
    jump(ms) {
      offsetMs += ms;
      write();
    },
  };
}
