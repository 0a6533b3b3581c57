import process from 'node:process';
import pkg from '../package.json' with { type: 'json' };
import { runCommandLine } from './cli/commands.ts';

// Each subcommand is loaded when it is called: `health` runs every 30 seconds and needs next to nothing of the rest.
process.exit(
  await runCommandLine(process.argv, pkg.version, {
    run: async () => (await import('./composition/run.ts')).run(),
    plan: async (options) => (await import('./composition/plan.ts')).plan(options),
    status: async (options) => (await import('./composition/status.ts')).status(options),
    health: async () => (await import('./composition/health.ts')).health(),
  }),
);
