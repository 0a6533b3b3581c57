import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startGuestAgent } from '../../dstack/guest-agent.ts';
import type { Service } from './service.ts';

/** The guest agent, with its sockets in a volume. */
export const startGuestAgentService: Service = async (settings, say) => {
  const { GUEST_AGENT_DIR: directory, APP_ID: appId, INSTANCE_ID: instanceId } = settings;
  await mkdir(directory, { recursive: true });
  // A killed process leaves its socket files behind, and no server can listen on an existing path.
  for (const socket of ['dstack.sock', 'tappd.sock']) await rm(join(directory, socket), { force: true });
  const agent = await startGuestAgent({ directory, appId, instanceId, appName: 'demo' });
  say(`listening on ${agent.socket} for the app ${appId}`);
};
