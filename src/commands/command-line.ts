import process from 'node:process';
import { Command, CommanderError } from 'commander';

/** The subcommands; each resolves with its exit code. */
export interface Commands {
  readonly run: () => Promise<number>;
  readonly plan: (options: PrintOptions) => Promise<number>;
  readonly status: (options: PrintOptions) => Promise<number>;
  readonly health: (options: HealthOptions) => Promise<number>;
}

/** The options of a subcommand that prints a result. */
export interface PrintOptions {
  /** Print JSON, for programs. */
  readonly json: boolean;
}

/** The options of `health`. */
export interface HealthOptions extends PrintOptions {
  /** Wait for an ingress that is starting. */
  readonly wait: boolean;
}

/** The exit code for a wrong command line: EX_USAGE of sysexits.h. */
const EX_USAGE = 64;
/** The exit code for configuration errors: EX_CONFIG of sysexits.h. */
export const EX_CONFIG = 78;

/**
 * Parses the command line and runs one subcommand, by default `run`. Resolves with the exit code:
 * that of the subcommand, or 64 after a line on standard error that lists the subcommands.
 */
export async function runCommandLine(
  argv: readonly string[],
  version: string,
  commands: Commands,
  writeError: (text: string) => void = (text) => void process.stderr.write(text),
): Promise<number> {
  let exitCode = 0;
  const program = createProgram(version, commands, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...argv]);
    return exitCode;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return 0;
    // `help` for an unknown subcommand has printed everything.
    if (thrown.code !== 'commander.help') writeError(usageError(thrown, argv.slice(2), program));
    return EX_USAGE;
  }
}

function createProgram(version: string, commands: Commands, done: (exitCode: number) => void): Command {
  const program = new Command('dstack-ingress')
    .description('Gives an app in a dstack confidential VM its own domain with a real certificate.')
    .version(version)
    .addHelpText('after', '\nEverything is configured by environment variables; see docs/configuration.md.')
    // Before the subcommands, which inherit both.
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
  program
    .command('run', { isDefault: true })
    .description('publish the records, get and renew the certificates, serve (the default)')
    .action(async () => done(await commands.run()));
  program
    .command('plan')
    .description('show what a start would change, and change nothing')
    .option('--json', 'print JSON', false)
    .action(async (options: PrintOptions) => done(await commands.plan(options)));
  program
    .command('status')
    .description('show what the ingress on this host is doing and waiting for')
    .option('--json', 'print JSON', false)
    .action(async (options: PrintOptions) => done(await commands.status(options)));
  program
    .command('health')
    .description('check whether the names are served on this host: exit code 0 or 1')
    .option('--json', 'print JSON', false)
    .option('--wait', 'wait for an ingress that is starting, up to 10 minutes', false)
    .action(async (options: HealthOptions) => done(await commands.health(options)));
  return program;
}

/** The fault and the existing subcommands, in one line. */
function usageError(error: CommanderError, words: readonly string[], program: Command): string {
  const names = program.commands.map((command) => command.name());
  const first = words.find((word) => !word.startsWith('-'));
  // For commander an unknown subcommand is an excess argument of the default one.
  const isUnknown = first !== undefined && !names.includes(first);
  const wrong = isUnknown
    ? `there is no subcommand ${JSON.stringify(first)}`
    : error.message.replace(/^error: |\.$/g, '');
  return `dstack-ingress: ${wrong}. Subcommands: ${names.join(', ')} (default: run); see --help.\n`;
}
