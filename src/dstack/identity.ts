import { errorRegistry, IngressError, messageOf } from '../errors.ts';
import type { GuestAgent } from './agent.ts';
import { describeMissingSocket, type MissingSocket } from './missing-socket.ts';

/** The app id, and where it comes from. */
export interface Identity {
  readonly appId: string;
  readonly source: 'guest agent' | 'environment';
  /** What the operator should know about it. */
  readonly warning: string | undefined;
}

/**
 * Determines the app id: from the guest agent, else from APP_ID, which also replaces a failing
 * agent. `missing` is where the socket should be but is not. Throws IDENTITY_UNKNOWN if there is
 * neither, and GUEST_AGENT_FAILED if there is only a failing agent.
 */
export async function identify(
  agent: GuestAgent | undefined,
  configured: string | undefined,
  signal: AbortSignal,
  missing?: MissingSocket,
): Promise<Identity> {
  if (!agent) return withoutAgent(configured, missing);
  try {
    const appId = await agent.appId(signal);
    const differs = configured !== undefined && configured !== appId;
    const warning = differs
      ? `APP_ID is ${configured}, but the guest agent reports ${appId}; using the guest agent's`
      : undefined;
    return { appId, source: 'guest agent', warning };
  } catch (thrown) {
    signal.throwIfAborted();
    if (configured === undefined) throw thrown;
    return fromEnvironment(configured, `${messageOf(thrown)}; APP_ID is used instead`);
  }
}

function withoutAgent(configured: string | undefined, missing: MissingSocket | undefined): Identity {
  const described = missing && describeMissingSocket(missing);
  if (configured !== undefined)
    return fromEnvironment(configured, described && `${described.problem}; APP_ID is used instead`);
  const why = described?.problem ?? 'there is no guest agent socket';
  const context = described ? { hint: described.fix } : {};
  throw new IngressError('IDENTITY_UNKNOWN', `${why}, and APP_ID is not set`, context);
}

function fromEnvironment(appId: string, warning: string | undefined): Identity {
  return { appId, source: 'environment', warning };
}

/** IDENTITY_UNKNOWN as a configuration fault, for a first start that has nothing to serve. */
export function identityFault(missing: MissingSocket | undefined) {
  const described = missing && describeMissingSocket(missing);
  return {
    variable: 'APP_ID',
    kind: 'missing' as const,
    problem: `is not set, and ${described?.problem ?? 'no guest agent socket is mounted'}`,
    fix: described?.fix ?? errorRegistry.IDENTITY_UNKNOWN.hint,
    missing: ['APP_ID', 'DSTACK_APP_ID'],
  };
}
