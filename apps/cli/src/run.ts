// Runs the program with arguments and turns what happens into an exit status.
import { CommanderError, type Command } from 'commander';
import { errorText, exitStatusOf } from './errors.ts';
import { EXIT } from './exit-status.ts';

/** Never throws. Usage errors and help have been printed by commander already. */
export async function run(program: Command, args: readonly string[]): Promise<number> {
  try {
    await program.parseAsync(args as string[], { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    process.stderr.write(`${errorText(error, args.includes('--json'))}\n`);
    return exitStatusOf(error);
  }
}
