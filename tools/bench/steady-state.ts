// Brings a server to where it is after running for a while, so that no window pays for what happens once.
import { Client } from 'pg';

const SEGMENTS = 48;
const SEGMENT_MB = 16;
const NOT_PERMITTED = '42501';

/**
 * A new server makes each segment of its write-ahead log by writing 16 MB of zeros, several times a second under load;
 * one that has run for a while renames old ones. Makes some segments and lets a checkpoint recycle them. A login that
 * may not do so measures the server as it is.
 */
export async function reachSteadyState(url: string, note: (line: string) => void): Promise<void> {
  note(
    `The server is made to go through ${SEGMENTS} segments (${SEGMENTS * SEGMENT_MB} MB) of its write-ahead log and a ` +
      'checkpoint, so that it measures as one that has run for a while.',
  );
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (let segment = 0; segment < SEGMENTS; segment++) {
      await client.query(`select pg_logical_emit_message(false, 'bench', 'a segment'), pg_switch_wal()`);
    }
    await client.query('checkpoint');
  } catch (error) {
    if ((error as { code?: string }).code !== NOT_PERMITTED) throw error;
    note('The login may not checkpoint: the server is measured as it is.');
  } finally {
    await client.end();
  }
}
