import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startGuestAgent } from '../../dstack/guest-agent.ts';
import type { Service } from './service.ts';

/** The guest agent, on its sockets in a volume. */
export const startGuestAgentService: Service = async (settings, say) => {
  const { GUEST_AGENT_DIR: directory, APP_ID: appId, INSTANCE_ID: instanceId } = settings;
  await mkdir(directory, { recursive: true });
  // A process that was killed leaves its sockets behind, and nobody can listen where a file is.
  for (const socket of ['dstack.sock', 'tappd.sock']) await rm(join(directory, socket), { force: true });
  const agent = await startGuestAgent({ directory, appId, instanceId, appName: 'demo' });
  say(`answers at ${agent.socket} for the app ${appId}`);
};
