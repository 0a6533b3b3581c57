import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../ingress.ts';
import { folderBesideVolume, withPreload } from './preload.ts';

/** The clock of an ingress. */
export interface JumpingClock {
  /** What the ingress has to be started with, again after a restart. */
  readonly environment: Environment;
  /** Milliseconds by which it is ahead of this process. */
  readonly offsetMs: number;
  /** Sets it forward by so many milliseconds, or back; at once, also for one that runs. */
  jump(ms: number): void;
}

/**
 * Gives an ingress a clock that can be set: its `Date`. The kernel's clock stays, and with it the times of files, HAProxy, and whether a
 * certificate that the ingress is shown in a handshake is valid (OpenSSL asks the kernel). So does the clock of the CA: what it issues is
 * old for an ingress that is ahead. Timers do not notice a jump.
 */
export function environmentWithClock(environment: Environment): JumpingClock {
  const folder = folderBesideVolume(environment, 'clock');
  const CLOCK_OFFSET_FILE = join(folder, 'offset-ms');
  let offsetMs = 0;
  const write = () => {
    // Whoever reads it meanwhile gets the whole of one or of the other.
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
