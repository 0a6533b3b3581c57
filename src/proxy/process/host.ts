import { readFileSync } from 'node:fs';
import type { Privileges } from '../config/render.ts';

/** What this process may do, as far as HAProxy depends on it. */
export interface Rights {
  /** Undefined where there are no user ids. */
  readonly uid: number | undefined;
  /** Whether it may change its root directory: the capability SYS_CHROOT (capabilities(7)). */
  readonly mayChroot: boolean;
}

/** The account that Debian's package brings. */
const ACCOUNT = { user: 'haproxy', group: 'haproxy' } as const;

/** Bit of CAP_SYS_CHROOT in linux/capability.h. */
const SYS_CHROOT = 18n;

/** The rights that the kernel says this process has. Root where the kernel says nothing may do everything. */
export function processRights(): Rights {
  return { uid: process.getuid?.(), mayChroot: mayChroot(readStatus()) };
}

/** Whether a text of proc_pid_status(5) lists SYS_CHROOT among the effective capabilities. */
export function mayChroot(status: string): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return effective === undefined || ((BigInt(`0x${effective}`) >> SYS_CHROOT) & 1n) === 1n;
}

/**
 * What HAProxy gives up: only root can become somebody else, and only with SYS_CHROOT (which `cap_drop: ALL` takes away) move
 * into an empty directory. Pure.
 */
export function privilegesToDrop({ uid, mayChroot }: Rights, chroot: string): Privileges | undefined {
  if (uid !== 0) return undefined;
  return mayChroot ? { ...ACCOUNT, chroot } : ACCOUNT;
}

/**
 * What a person should know when HAProxy can give nothing up: the kernel keeps no two processes of one user apart. Pure.
 */
export function sharedUserWarning({ uid }: Pick<Rights, 'uid'>): string | undefined {
  if (uid === undefined || uid === 0) return undefined;
  return `HAProxy, which faces the network, runs as the same user as the control plane (${uid}): whoever takes it over can read the provider's token and the keys. Running as root with cap_add: [SETUID, SETGID] keeps them apart, see docs/image.md`;
}

function readStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}
