import { errorRegistry, IngressError, messageOf } from '../errors.ts';
import type { GuestAgent } from './agent.ts';

/** Who the app is, and who says so. */
export interface Identity {
  readonly appId: string;
  readonly source: 'guest agent' | 'environment';
  /** What a person should know about it. */
  readonly warning: string | undefined;
}

/**
 * The app id: the guest agent's word where there is one, else APP_ID. An agent that fails does not stand in the way of
 * an APP_ID. Throws IDENTITY_UNKNOWN when there is neither, GUEST_AGENT_FAILED when there is only a failing agent.
 */
export async function identify(
  agent: GuestAgent | undefined,
  configured: string | undefined,
  signal: AbortSignal,
): Promise<Identity> {
  if (!agent) return fromEnvironment(configured, undefined);
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

function fromEnvironment(configured: string | undefined, warning: string | undefined): Identity {
  if (configured === undefined) {
    throw new IngressError('IDENTITY_UNKNOWN', 'there is no guest agent socket, and APP_ID is not set');
  }
  return { appId: configured, source: 'environment', warning };
}

/** The same as a fault of the configuration, for a first start that has nothing to serve. */
export const identityFault = {
  variable: 'APP_ID',
  problem: 'is not set, and no guest agent socket is mounted',
  remedy: errorRegistry.IDENTITY_UNKNOWN.hint,
};
