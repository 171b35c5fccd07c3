// All commands of `gw`.
import { Command } from 'commander';
import { addArchiveCommands } from './commands/archive.ts';
import { addCommandCommands } from './commands/commands.ts';
import { addDatabaseCommands } from './commands/database.ts';
import { addDeadLetterCommands } from './commands/dead-letters.ts';
import { addExplainCommand } from './commands/explain.ts';
import { addHealthCommand } from './commands/health.ts';
import { addPostCommand } from './commands/post.ts';
import { addProjectionCommands, addRelayCommands } from './commands/projections.ts';
import { addReplayCommand } from './commands/replay.ts';
import { addStartCommand } from './commands/start.ts';
import { addTenantCommands } from './commands/tenants.ts';
import { addTokenCommand } from './commands/token.ts';
import { addTraceCommand } from './commands/trace.ts';
import { addVerifyCommand } from './commands/verify.ts';

export function program(): Command {
  const gw = new Command('gw')
    .description('Runs and looks after Groundwork.')
    .addHelpText('after', '\nExit status: 0 ok, 1 failed, 2 usage, 3 a check found a problem, 4 unreachable.')
    .exitOverride()
    .showHelpAfterError('(--help shows what is possible)');
  addStartCommand(gw);
  addTokenCommand(gw);
  addPostCommand(gw);
  addHealthCommand(gw);
  addProjectionCommands(gw);
  addRelayCommands(gw);
  addDeadLetterCommands(gw);
  addCommandCommands(gw);
  addExplainCommand(gw);
  addTraceCommand(gw);
  addReplayCommand(gw);
  addDatabaseCommands(gw);
  addVerifyCommand(gw);
  addTenantCommands(gw);
  addArchiveCommands(gw);
  return gw;
}
