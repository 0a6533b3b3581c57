import type { Mutant } from './mutant.ts';

const signals = (test: string) => ({ file: 'test/e2e/signals.test.ts', test });

export const images: readonly Mutant[] = [
  {
    id: 'image-entrypoint-ignores-signals',
    class: 'image',
    file: 'entrypoint.sh',
    search: "  trap 'exit 0' TERM INT\n",
    replace: '',
    killedBy: [signals('SIGTERM before the entrypoint executes the program ends it with 0')],
    note: 'A stop while the entrypoint runs looks like a failure.',
  },
  {
    id: 'image-signal-before-configuration-lost',
    class: 'image',
    file: 'src/commands/run.ts',
    search: '  if (proxy === undefined) return stopped.aborted ? 0 : 1;\n',
    replace: '  if (proxy === undefined) return 1;\n',
    killedBy: [
      signals('SIGTERM before a start has read its configuration ends it with 0, and nothing was started'),
    ],
    note: 'A stop while HAProxy starts looks like a failure.',
  },
  {
    id: 'image-plan-ignores-signals',
    class: 'image',
    file: 'src/commands/wiring/signals.ts',
    search:
      '  onStop(stopped, (signal) => resolve(128 + (signal === undefined ? 0 : constants.signals[signal])));\n',
    replace: '  if (stopped.aborted) resolve(128);\n',
    killedBy: [signals('SIGTERM ends a plan whose provider is silent, with 143 and nothing written')],
    note: 'A subcommand that waits for a response cannot be stopped.',
  },
  {
    id: 'image-haproxy-outlives-program',
    class: 'image',
    file: 'src/commands/run.ts',
    search: "  stopped.addEventListener('abort', () => void proxy.stop(), { once: true });\n",
    replace: '',
    killedBy: [
      {
        file: 'test/e2e/crash.test.ts',
        test: 'SIGTERM while a challenge cannot be removed: HAProxy stops before that is given up',
      },
    ],
    note: 'Connections drain only after reconcile has ended, which is too late for a container engine.',
  },
  {
    id: 'image-hangup-ends-program',
    class: 'image',
    file: 'src/commands/run.ts',
    search: "  const demand = listenTo('SIGHUP');\n",
    replace: "  const demand = listenTo('SIGUSR2');\n",
    killedBy: [
      { file: 'test/e2e/isolation.test.ts', test: 'SIGHUP at any time requests a run and ends nothing' },
    ],
    note: 'SIGHUP ends the program.',
  },
  {
    id: 'image-starting-counts-as-unhealthy',
    class: 'image',
    file: 'src/commands/health.ts',
    search: "  if (wait && examined.status === 'starting') await until(poll, { clock, ...WAITING });\n",
    replace: '',
    killedBy: [
      {
        file: 'test/e2e/health-start.test.ts',
        test: 'a start that waits for the CA is starting; health --wait prints nothing until it is healthy',
      },
    ],
    note: 'The container engine restarts a container whose first certificate takes long.',
  },
  {
    id: 'image-health-waits-for-person',
    class: 'image',
    file: 'src/commands/health.ts',
    search: "    return examined.status === 'starting' ? undefined : examined;\n",
    replace: "    return examined.status === 'healthy' ? examined : undefined;\n",
    killedBy: [{ file: 'test/e2e/health.test.ts' }],
    note: 'A health check waits although only the operator can fix the problem.',
  },
  {
    id: 'image-silent-port-hangs-health',
    class: 'image',
    file: 'src/commands/health.ts',
    search: 'const TIMEOUT_MS = 3_000;\n',
    replace: 'const TIMEOUT_MS = 30_000;\n',
    killedBy: [{ file: 'test/e2e/health.test.ts', test: 'a silent port is unhealthy within 5 seconds' }],
    note: 'The health check of a hanging HAProxy takes longer than container engines wait.',
  },
  {
    id: 'image-log-without-disk-ends-program',
    class: 'image',
    file: 'src/log.ts',
    search: "  destination.on('error', () => undefined);\n",
    replace: '',
    killedBy: [{ file: 'test/e2e/isolation.test.ts', test: 'a full disk behind the log ends nothing' }],
    note: 'A full disk behind standard output ends the program.',
  },
  {
    id: 'image-healthcheck-does-not-wait',
    class: 'image',
    file: 'Dockerfile',
    search: 'CMD ["dstack-ingress", "health", "--wait"]',
    replace: 'CMD ["dstack-ingress", "health"]',
    killedBy: [
      { file: 'test/image/build.test.ts' },
      {
        file: 'test/image/lifecycle.test.ts',
        test: 'with the image’s own health check: starting while the start waits for the CA, unhealthy soon with a wrong token',
      },
    ],
    note: 'The health check of the image counts a slow start as a failure.',
  },
];
