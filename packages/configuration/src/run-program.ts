// The outermost frame of a program: whatever goes wrong is said once, readably, and ends it with exit code 1.
import { CodedError } from '@groundwork/domain';
import { maskSecrets } from '@groundwork/monitoring';

/** The part of `process` that is used. */
export interface ProgramProcess {
  on(event: 'unhandledRejection' | 'uncaughtException', listener: (fault: unknown) => void): unknown;
  readonly stderr: { write(text: string): unknown };
  exit(code: number): void;
}

/** Runs `main`; the process ends by itself when nothing is left to do, and at once when something fails. */
export async function runProgram(
  name: string,
  main: () => Promise<void>,
  host: ProgramProcess = process,
): Promise<void> {
  const end = (fault: unknown): void => {
    host.stderr.write(`${name} ends: ${described(fault)}\n`);
    host.exit(1);
  };
  // After an error that nobody caught the state of the process is unknown: the next one starts from what is stored.
  host.on('unhandledRejection', end);
  host.on('uncaughtException', end);
  try {
    await main();
  } catch (error) {
    end(error);
  }
}

/** What is expected is told in words; what is not, with its stack. */
function described(fault: unknown): string {
  if (fault instanceof CodedError) return maskSecrets(`${fault.message}\n${fault.next} (${fault.code})`);
  return maskSecrets(fault instanceof Error ? (fault.stack ?? fault.message) : String(fault));
}
