import process from 'node:process';
import { stopBy, unlessStopped } from './commands/wiring/signals.ts';

// The kernel drops signals to process 1 that have no handler yet, so listen before loading the
// rest.
const stopped = stopBy(['SIGTERM', 'SIGINT']);

// An older Node.js cannot parse the rest, so check before loading it.
const OLDEST_NODE = 24;
if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
  process.stderr.write(
    `dstack-ingress needs Node.js ${OLDEST_NODE} or newer, but this is ${process.versions.node}; in its directory, "npm start" runs it with its own Node.js.\n`,
  );
  process.exit(1);
}

const [{ default: pkg }, { runCommandLine }] = await Promise.all([
  import('../package.json', { with: { type: 'json' } }),
  import('./commands/command-line.ts'),
]);

// Each subcommand is loaded when it is called: `health` runs every 30 seconds and needs little of
// the rest.
process.exit(
  await runCommandLine(process.argv, pkg.version, {
    run: async () => (await import('./commands/run.ts')).run(stopped),
    plan: async (options) =>
      unlessStopped(
        stopped,
        import('./commands/plan.ts').then(({ plan }) => plan(options)),
      ),
    status: async (options) =>
      unlessStopped(
        stopped,
        import('./commands/status.ts').then(({ status }) => status(options)),
      ),
    health: async (options) =>
      unlessStopped(
        stopped,
        import('./commands/health.ts').then(({ health }) => health(options)),
      ),
  }),
);
