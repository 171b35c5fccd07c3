// One process at a time owns a data directory; the lock of a process that was killed counts for nothing.
import { execFileSync } from 'node:child_process';
import { linkSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { syncFolderOf, writeDurably } from './durable-file.ts';
import { EmbeddedDatabaseFailed } from './embedded-errors.ts';

interface Owner {
  readonly pid: number;
  /** Tells this process from a later one with the same process id. */
  readonly started: string | undefined;
}

/** Takes the lock; gives the function that releases it. Throws `database.embedded-in-use` when a process holds it. */
export async function takeLock(file: string, dataDir: string): Promise<() => Promise<void>> {
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid) } satisfies Owner);
  while (!createLock(file, mine)) {
    const found = readText(file);
    if (found === undefined) continue;
    const owner = livingOwner(found);
    if (owner) throw inUse(dataDir, owner.pid);
    discardLock(file, found);
  }
  let held = true;
  return async () => {
    if (held && readText(file) === mine) rmSync(file, { force: true });
    held = false;
  };
}

/** Whether a living process holds the lock. */
export function lockIsHeld(file: string): boolean {
  const found = readText(file);
  return found !== undefined && livingOwner(found) !== undefined;
}

/** Whether a process with this id is at work; one that has ended and waits for its parent to notice is not. */
export function isRunning(pid: number): boolean {
  if (process.platform === 'linux') return !['Z', 'X', undefined].includes(statOf(pid)?.[0]);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The command line of a process; undefined when there is none. */
export function commandLineOf(pid: number): string | undefined {
  if (process.platform === 'linux') return readText(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ');
  return ps(pid, 'args=');
}

/** Written aside and linked into place, so that no one ever reads half a lock. */
function createLock(file: string, content: string): boolean {
  const aside = `${file}.${process.pid}`;
  writeDurably(aside, content);
  try {
    linkSync(aside, file);
    syncFolderOf(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Removes the stale lock that was read, and puts back what a faster process has created meanwhile. */
function discardLock(file: string, stale: string): void {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
    if (readText(aside) !== stale) linkSync(aside, file);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function livingOwner(content: string): Owner | undefined {
  const owner = ownerIn(content);
  return owner !== undefined && isRunning(owner.pid) && startOf(owner.pid) === owner.started ? owner : undefined;
}

/** Undefined for what a power failure has left of a lock: whoever wrote it does not live any more. */
function ownerIn(content: string): Owner | undefined {
  try {
    const owner = JSON.parse(content) as Owner;
    return Number.isInteger(owner.pid) ? owner : undefined;
  } catch {
    return undefined;
  }
}

/** When the process started, in the system's own words. On Linux: ticks since boot. */
function startOf(pid: number): string | undefined {
  return process.platform === 'linux' ? statOf(pid)?.[19] : ps(pid, 'lstart=');
}

/** The fields of Linux's stat line from the third (the state) on; the second may itself hold blanks. */
function statOf(pid: number): string[] | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function ps(pid: number, column: string): string | undefined {
  try {
    return execFileSync('ps', ['-p', String(pid), '-o', column], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

const inUse = (dataDir: string, pid: number): EmbeddedDatabaseFailed =>
  new EmbeddedDatabaseFailed(
    'database.embedded-in-use',
    `The data directory ${dataDir} is in use by another start of Groundwork (process ${pid}).`,
    'Stop that one first, or give this one a GW_DATA_DIR of its own.',
    { dataDir, pid },
  );
