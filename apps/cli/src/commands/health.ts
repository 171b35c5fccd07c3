// gw health: whether api and worker can do their work, and what is missing if not.
import type { Command } from 'commander';
import { reach } from '../api-client.ts';
import { ProblemFound, Unreachable } from '../errors.ts';
import { table } from '../output.ts';
import { productSettings } from '../product.ts';
import { outputOf, withJson, type JsonOption } from './options.ts';

interface ProgramHealth {
  readonly program: string;
  readonly url: string;
  readonly ready: boolean;
  readonly report: string;
}

const START_OR_NAME_PORT =
  'Start Groundwork with npm start; if it was started with another MANAGEMENT_PORT, set the same one here.';

export function addHealthCommand(gw: Command): void {
  withJson(gw.command('health'))
    .description('tell whether api and worker are ready (on this machine, at MANAGEMENT_PORT and the next)')
    .action(async (options: JsonOption) => {
      const { managementPort } = productSettings().monitoring;
      const programs = await Promise.all([
        healthOf('api', `http://127.0.0.1:${managementPort}`),
        healthOf('worker', `http://127.0.0.1:${managementPort + 1}`),
      ]);
      outputOf(options).result(
        programs,
        table(programs, {
          program: ({ program }) => program,
          ready: ({ ready }) => (ready ? 'yes' : 'no'),
          url: ({ url }) => url,
          report: ({ report }) => report.trim().replaceAll('\n', '; '),
        }),
      );
      if (programs.every(({ report }) => report === '')) throw new Unreachable(programs[0]!.url, START_OR_NAME_PORT);
      const unready = programs.filter(({ ready }) => !ready).map(({ program }) => program);
      if (unready.length === 0) return;
      throw new ProblemFound(
        'cli.not-healthy',
        `Not ready: ${unready.join(', ')}.`,
        'The report names the failing checks; the log of the program says more.',
      );
    });
}

async function healthOf(program: string, url: string): Promise<ProgramHealth> {
  try {
    const answer = await reach(url, '/readyz?verbose');
    return { program, url, ready: answer.ok, report: (await answer.text()) || `HTTP ${answer.status}` };
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    return { program, url, ready: false, report: '' };
  }
}
