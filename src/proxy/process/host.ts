import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Privileges } from '../config/render.ts';

/** The rights of this process, which determine HAProxy's. */
export interface Rights {
  /** Undefined on a platform without user ids. */
  readonly uid: number | undefined;
  /** Whether it may call chroot(2): the capability SYS_CHROOT (capabilities(7)). */
  readonly mayChroot: boolean;
}

/** The account that Debian's package creates. */
const ACCOUNT = { user: 'haproxy', group: 'haproxy' } as const;

/** Bit of CAP_SYS_CHROOT in linux/capability.h. */
const SYS_CHROOT = 18n;

/**
 * The rights of this process. If the kernel does not list capabilities, root is assumed to have
 * all.
 */
export function processRights(): Rights {
  return { uid: process.getuid?.(), mayChroot: mayChroot(readStatus()) };
}

/** Whether a text of proc_pid_status(5) lists SYS_CHROOT among the effective capabilities. Pure. */
export function mayChroot(status: string): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return effective === undefined || ((BigInt(`0x${effective}`) >> SYS_CHROOT) & 1n) === 1n;
}

/**
 * The privileges for HAProxy: only root can change to another user, and an empty root directory
 * also requires SYS_CHROOT, which `cap_drop: ALL` removes. Pure.
 */
export function privilegesToDrop({ uid, mayChroot }: Rights, chroot: string): Privileges | undefined {
  if (uid !== 0) return undefined;
  return mayChroot ? { ...ACCOUNT, chroot } : ACCOUNT;
}

/**
 * The warning for an HAProxy that runs as the control plane's user: the kernel does not isolate
 * processes of one user. Pure.
 */
export function sharedUserWarning({ uid }: Pick<Rights, 'uid'>): string | undefined {
  if (uid === undefined || uid === 0) return undefined;
  return `HAProxy, which faces the network, runs as the same user as the control plane (${uid}): an attacker who takes it over can read the provider's token and the private keys. To separate them, run the container as root with cap_add: [SETUID, SETGID], see docs/image.md`;
}

/**
 * Whether this host can listen on IPv6. It cannot if the kernel has no IPv6 (`ipv6.disable=1`). It
 * can if the host merely has no IPv6 address (`net.ipv6.conf.all.disable_ipv6=1`, Docker networks).
 * Never rejects.
 */
export async function hasIpv6(): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen({ host: '::', port: 0, ipv6Only: true }), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

function readStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}
