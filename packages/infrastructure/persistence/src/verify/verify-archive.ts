// Every file of the archive against the checksum that the catalogue has of it.
import { fileNameOf, refuseDamaged, type ArchiveFacts } from '../archive/archive-file.ts';
import type { Inspection } from './verify-database.ts';

export async function verifyArchive({ client, findings, archiveFolder, onProgress }: Inspection): Promise<void> {
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
    if (fault !== undefined) {
      findings.add('archive-damaged', `tenant ${facts.tenant}, ${fileNameOf(facts.archive_id)}: ${fault}`);
    }
  }
}
