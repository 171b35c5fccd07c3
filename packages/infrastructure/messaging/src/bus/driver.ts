// Loads a broker's driver when it is needed for the first time: programs that do not use it run without it.
import { Misconfigured } from '@groundwork/application';

/** Throws Misconfigured `messaging.driver-missing`, which names the package to install. */
export async function driver<Module>(packageName: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw cause;
    throw new Misconfigured(
      'messaging.driver-missing',
      `The settings choose a broker, and the package ${packageName} is not installed.`,
      `Run npm install ${packageName}, or choose another broker with GW_BUS.`,
      { packageName },
      { cause },
    );
  }
}

/** A driver that is missing is no fault of the broker: it is told as what it is. */
export function passMisconfigured(error: unknown): void {
  if (error instanceof Misconfigured) throw error;
}
