// Rights that no program uses any more. The functions stay until a contraction of a later version drops them.
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** `read_slices` and `read_live_slices` are called by programs before this one only. */
export class UnusedSlices1763706210000 implements MigrationInterface {
  readonly name = 'UnusedSlices1763706210000';
  readonly phase = 'contract';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      revoke execute on function groundwork.read_slices, groundwork.read_live_slices from groundwork_worker`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant execute on function groundwork.read_slices, groundwork.read_live_slices to groundwork_worker`);
  }
}
