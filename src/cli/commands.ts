import { Command } from 'commander';

/** What each subcommand does; resolves with the exit code. */
export interface Commands {
  readonly run: () => Promise<number>;
}

/** Parses the command line and runs one subcommand; `run` when none is named. */
export async function runCommandLine(
  argv: readonly string[],
  version: string,
  commands: Commands,
): Promise<number> {
  let exitCode = 0;
  const program = new Command('dstack-ingress')
    .description('Gives an app in a dstack confidential VM its own domain with a real certificate.')
    .version(version)
    .addHelpText('after', '\nEverything is configured by environment variables; see docs/configuration.md.');
  program
    .command('run', { isDefault: true })
    .description('publish the records, get and renew the certificate, serve (the default)')
    .action(async () => {
      exitCode = await commands.run();
    });
  await program.parseAsync([...argv]);
  return exitCode;
}
