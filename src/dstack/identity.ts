import { errorRegistry, IngressError, messageOf } from '../errors.ts';
import type { GuestAgent } from './agent.ts';
import { describeMisplaced, type EmptyPlace } from './misplaced.ts';

/** Who the app is, and who says so. */
export interface Identity {
  readonly appId: string;
  readonly source: 'guest agent' | 'environment';
  /** What a person should know about it. */
  readonly warning: string | undefined;
}

/**
 * The app id: the guest agent's word where there is one, else APP_ID. An agent that fails does not stand in the way of
 * an APP_ID. `place` is where the socket should be and is not. Throws IDENTITY_UNKNOWN when there is neither,
 * GUEST_AGENT_FAILED when there is only a failing agent.
 */
export async function identify(
  agent: GuestAgent | undefined,
  configured: string | undefined,
  signal: AbortSignal,
  place?: EmptyPlace,
): Promise<Identity> {
  if (!agent) return withoutAgent(configured, place);
  try {
    const appId = await agent.appId(signal);
    const differs = configured !== undefined && configured !== appId;
    const warning = differs
      ? `APP_ID is ${configured}, but the guest agent says ${appId}; the guest agent decides`
      : undefined;
    return { appId, source: 'guest agent', warning };
  } catch (thrown) {
    signal.throwIfAborted();
    if (configured === undefined) throw thrown;
    return fromEnvironment(configured, `${messageOf(thrown)}; APP_ID is used instead`);
  }
}

function withoutAgent(configured: string | undefined, place: EmptyPlace | undefined): Identity {
  const misplaced = place && describeMisplaced(place);
  if (configured !== undefined)
    return fromEnvironment(configured, misplaced && `${misplaced.problem}; APP_ID is used instead`);
  const why = misplaced?.problem ?? 'there is no guest agent socket';
  const context = misplaced ? { hint: misplaced.fix } : {};
  throw new IngressError('IDENTITY_UNKNOWN', `${why}, and APP_ID is not set`, context);
}

function fromEnvironment(appId: string, warning: string | undefined): Identity {
  return { appId, source: 'environment', warning };
}

/** The same as a fault of the configuration, for a first start that has nothing to serve. */
export function identityFault(place: EmptyPlace | undefined) {
  const misplaced = place && describeMisplaced(place);
  return {
    variable: 'APP_ID',
    problem: `is not set, and ${misplaced?.problem ?? 'no guest agent socket is mounted'}`,
    fix: misplaced?.fix ?? errorRegistry.IDENTITY_UNKNOWN.hint,
    missing: ['APP_ID', 'DSTACK_APP_ID'],
  };
}
