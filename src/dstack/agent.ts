import { type Stats, statSync } from 'node:fs';
import type { InfoResponse, TcbInfo } from '@phala/dstack-sdk';
import * as z from 'zod';
import { IngressError, isIngressError, messageOf } from '../errors.ts';
import { askAgent, isUrl } from './ask.ts';
import type { MissingSocket } from './missing-socket.ts';

/** The part of the dstack guest agent that the ingress uses. */
export interface GuestAgent {
  /** Path of its Unix socket, or its URL. */
  readonly endpoint: string;
  /** The app id: 40 hexadecimal digits, lower case. Throws GUEST_AGENT_FAILED. */
  appId(signal: AbortSignal): Promise<string>;
}

const CURRENT_SOCKETS = [
  '/var/run/dstack.sock',
  '/run/dstack.sock',
  '/var/run/dstack/dstack.sock',
  '/run/dstack/dstack.sock',
];
const OLDER_SOCKETS = ['/var/run/tappd.sock', '/run/tappd.sock'];
const TIMEOUT_MS = 5000;

/** The part of the agent's `Info` that is read. */
type Info = Pick<InfoResponse<TcbInfo>, 'app_id'>;
const infoSchema: z.ZodType<Info> = z.object({ app_id: z.string().regex(/^[0-9a-f]{40}$/i) });

/**
 * Finds the mounted guest agent; undefined if there is none. A directory in place of the socket,
 * which Docker creates if the source of the mount is missing, does not count.
 */
export function findGuestAgent(configured: string | undefined): GuestAgent | undefined {
  const endpoint = placesOf(configured).find((place) => isUrl(place) || statOf(place)?.isSocket() === true);
  if (endpoint === undefined) return undefined;
  // The older agent, tappd, has this call at another path.
  const path = endpoint.endsWith('tappd.sock') ? '/prpc/Tappd.Info' : '/Info';
  return { endpoint, appId: (signal) => askAppId(endpoint, path, signal) };
}

/**
 * The first path of a socket that holds something else, or the configured path if it holds nothing.
 */
export function missingSocket(configured: string | undefined): MissingSocket | undefined {
  const isNamed = configured !== undefined;
  return placesOf(configured)
    .filter((place) => !isUrl(place))
    .map((path) => ({ path, holds: whatHolds(path), isNamed }))
    .find(
      (place): place is MissingSocket => place.holds !== 'a socket' && (isNamed || place.holds !== 'nothing'),
    );
}

function whatHolds(path: string): MissingSocket['holds'] | 'a socket' {
  const stats = statOf(path);
  if (stats === undefined) return 'nothing';
  if (stats.isSocket()) return 'a socket';
  return stats.isDirectory() ? 'a directory' : 'something else';
}

function placesOf(configured: string | undefined): readonly string[] {
  return configured === undefined ? [...CURRENT_SOCKETS, ...OLDER_SOCKETS] : [configured];
}

async function askAppId(endpoint: string, path: string, signal: AbortSignal): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    const info = infoSchema.safeParse(await askAgent(endpoint, path, limit));
    if (info.success) return info.data.app_id.toLowerCase();
    throw new IngressError(
      'GUEST_AGENT_FAILED',
      `the guest agent at ${endpoint} returned no app id of 40 hexadecimal digits`,
      { details: { endpoint, fault: 'no-app-id' } },
    );
  } catch (thrown) {
    signal.throwIfAborted();
    if (isIngressError(thrown)) throw thrown;
    const isLate = limit.aborted;
    const words = isLate ? `no answer within ${TIMEOUT_MS / 1000} s` : messageOf(thrown);
    throw new IngressError('GUEST_AGENT_FAILED', `the guest agent at ${endpoint}: ${words}`, {
      cause: thrown,
      details: { endpoint, fault: isLate ? 'no-answer' : 'failed' },
    });
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    // Any error here (ENOENT, EACCES, ENAMETOOLONG) would prevent connecting as well.
    return undefined;
  }
}
