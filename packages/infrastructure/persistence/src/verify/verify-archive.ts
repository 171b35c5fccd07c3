// Every file of the archive against the checksum that the catalogue has of it.
import { fileNameOf, refuseDamaged, type ArchiveFacts } from '../archive/archive-file.ts';
import type { Inspection } from './verify-database.ts';

/** Gives those that are what was archived. */
export async function verifyArchive({
  client,
  findings,
  archiveFolder,
  onProgress,
}: Inspection): Promise<readonly string[]> {
  const sound: string[] = [];
  const { rows } = await client.query<ArchiveFacts>(
    'select archive_id, tenant, bytes, sha256 from groundwork.archive order by archived_at, archive_id',
  );
  if (rows.length > 0) onProgress(`comparing ${rows.length} files of the archive`);
  for (const facts of rows) {
    const fault =
      archiveFolder === undefined
        ? 'GW_ARCHIVE_DIR is not set'
        : await refuseDamaged(archiveFolder, facts).then(
            () => undefined,
            (error: Error) => error.message,
          );
    if (fault === undefined) sound.push(facts.archive_id);
    else findings.add('archive-damaged', `tenant ${facts.tenant}, ${fileNameOf(facts.archive_id)}: ${fault}`);
  }
  return sound;
}
