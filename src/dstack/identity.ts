import { errorRegistry, IngressError, messageOf } from '../errors.ts';
import type { GuestAgent } from './agent.ts';
import { describeMissingSocket, type MissingSocket } from './missing-socket.ts';

/** The app id, and where it comes from. */
export interface Identity {
  readonly appId: string;
  readonly source: 'guest agent' | 'environment';
  /** A warning about it for the operator. */
  readonly warning: IdentityWarning | undefined;
}

/** Why the app id may not be the one that the operator expects. */
export interface IdentityWarning {
  readonly kind: /** APP_ID and the guest agent name different ones; the agent's is used. */
    | 'differs'
    /** The agent failed, so APP_ID is used. */
    | 'agent-failed'
    /** The agent's socket is missing, so APP_ID is used. */
    | 'no-socket';
  readonly sentence: string;
}

/**
 * Determines the app id: from the guest agent, else from APP_ID, which also replaces a failing
 * agent. `missing` describes a missing socket. Throws IDENTITY_UNKNOWN if there is neither, and
 * GUEST_AGENT_FAILED if there is only a failing agent.
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
    const sentence = `APP_ID is ${configured}, but the guest agent reports ${appId}; using the guest agent's`;
    return { appId, source: 'guest agent', warning: differs ? { kind: 'differs', sentence } : undefined };
  } catch (thrown) {
    signal.throwIfAborted();
    if (configured === undefined) throw thrown;
    return fromEnvironment(configured, 'agent-failed', messageOf(thrown));
  }
}

function withoutAgent(configured: string | undefined, missing: MissingSocket | undefined): Identity {
  const described = missing && describeMissingSocket(missing);
  if (configured !== undefined) return fromEnvironment(configured, 'no-socket', described?.problem);
  const why = described?.problem ?? 'there is no guest agent socket';
  const context = described && missing ? { hint: described.fix, details: { ...missing } } : {};
  throw new IngressError('IDENTITY_UNKNOWN', `${why}, and APP_ID is not set`, context);
}

function fromEnvironment(
  appId: string,
  kind: IdentityWarning['kind'],
  problem: string | undefined,
): Identity {
  const warning =
    problem === undefined ? undefined : { kind, sentence: `${problem}; APP_ID is used instead` };
  return { appId, source: 'environment', warning };
}

/** IDENTITY_UNKNOWN as a configuration fault, for a first start that has nothing to serve. */
export function identityFault(missing: MissingSocket | undefined) {
  const described = missing && describeMissingSocket(missing);
  return {
    variable: 'APP_ID',
    kind: 'missing' as const,
    ...(missing && { details: { ...missing } }),
    problem: `is not set, and ${described?.problem ?? 'no guest agent socket is mounted'}`,
    fix: described?.fix ?? errorRegistry.IDENTITY_UNKNOWN.hint,
    missing: ['APP_ID', 'DSTACK_APP_ID'],
  };
}
