// Small files that a power failure leaves whole: as they were, or as they were to become.
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Replaces the file, readable by its owner only; when it returns, the content is on the disk. */
export function replaceDurably(file: string, content: string): void {
  const draft = `${file}.new`;
  writeDurably(draft, content);
  renameSync(draft, file);
  syncFolderOf(file);
}

/** Writes the file, readable by its owner only, and waits for the disk. */
export function writeDurably(file: string, content: string): void {
  writeFileSync(file, content, { mode: 0o600, flush: true });
}

/** Waits until the names in the folder are on the disk, too. Windows keeps them without being asked. */
export function syncFolderOf(file: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
