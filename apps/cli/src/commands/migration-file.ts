// A migration that gw has generated, as a file for whoever goes on with it.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GeneratedMigration } from '@groundwork/configuration';
import { CommandFailed } from '../errors.ts';

/** Writes it into the folder and returns its path; overwrites nothing. */
export async function writeMigrationFile(folder: string, { fileName, text }: GeneratedMigration): Promise<string> {
  const file = join(folder, fileName);
  await writeFile(file, text, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    throw new CommandFailed(
      'cli.unwritable-file',
      `${file} cannot be written (${error.code}).`,
      'Name a folder with --dir.',
    );
  });
  return file;
}
