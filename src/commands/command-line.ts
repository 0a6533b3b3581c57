import process from 'node:process';
import { Command, CommanderError } from 'commander';

/** What each subcommand does; resolves with the exit code. */
export interface Commands {
  readonly run: () => Promise<number>;
  readonly plan: (options: PrintOptions) => Promise<number>;
  readonly status: (options: PrintOptions) => Promise<number>;
  readonly health: (options: HealthOptions) => Promise<number>;
}

export interface PrintOptions {
  /** For a program instead of a person. */
  readonly json: boolean;
}

export interface HealthOptions extends PrintOptions {
  /** An ingress that is starting is waited for. */
  readonly wait: boolean;
}

/** The exit code for a command line that nobody understands: EX_USAGE of sysexits.h. */
const EX_USAGE = 64;

/**
 * Parses the command line and runs one subcommand; `run` when none is named. Resolves with the exit code: that of the
 * subcommand, or 64 after a line on standard error that names the subcommands.
 */
export async function runCommandLine(
  argv: readonly string[],
  version: string,
  commands: Commands,
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
    // Help that was asked for a stranger says it all.
    if (thrown.code !== 'commander.help') process.stderr.write(complaint(thrown, argv.slice(2), program));
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
    .description('tell what the ingress of this host is doing, and what it waits for')
    .option('--json', 'print JSON', false)
    .action(async (options: PrintOptions) => done(await commands.status(options)));
  program
    .command('health')
    .description('tell whether the names are served on this host: exit code 0 or 1')
    .option('--json', 'print JSON', false)
    .option('--wait', 'wait for an ingress that is starting, up to 10 minutes', false)
    .action(async (options: HealthOptions) => done(await commands.health(options)));
  return program;
}

/** What is wrong and what there is, in one line. */
function complaint(error: CommanderError, words: readonly string[], program: Command): string {
  const names = program.commands.map((command) => command.name());
  const first = words.find((word) => !word.startsWith('-'));
  // To commander a stranger is a surplus argument of the default subcommand.
  const isStranger = first !== undefined && !names.includes(first);
  const wrong = isStranger
    ? `there is no subcommand ${JSON.stringify(first)}`
    : error.message.replace(/^error: |\.$/g, '');
  return `dstack-ingress: ${wrong}. Subcommands: ${names.join(', ')} (none means run); --help says more.\n`;
}
