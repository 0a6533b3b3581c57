import assert from 'node:assert/strict';
import { eventually } from '../e2e/support.ts';
import type { Project } from './project.ts';

/**
 * The services that `ready` waits for; it depends on none of them, see examples/demo/compose.yaml.
 */
const PARTS = ['app', 'guest-agent', 'resolver', 'ca', 'cloudflare', 'gateway'];

/** Starts everything but the ingress and the visitor. Resolves once all services respond. */
export async function startWorld(project: Project): Promise<void> {
  await project.compose('up', '--detach', '--no-build', ...PARTS, 'ready');
  const exitCode = await eventually(
    'every service is up',
    async () => {
      const state = await project.inspect('ready', '{{.State.Status}} {{.State.ExitCode}}');
      return /^exited (\d+)$/.exec(state)?.[1];
    },
    70_000,
  );
  assert.equal(exitCode, '0', (await project.log('ready')).join('\n'));
}
