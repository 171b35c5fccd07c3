// Rights that no program uses any more. The functions stay until a contraction of a later version drops them.
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** `begin_indexed_repair` and `read_slices` took the places of these two; programs before them still call them. */
export class UnusedRights1763704610000 implements MigrationInterface {
  readonly name = 'UnusedRights1763704610000';
  readonly phase = 'contract';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      revoke execute on function groundwork.begin_repair from groundwork_app;
      revoke execute on function groundwork.read_log from groundwork_worker;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      grant execute on function groundwork.begin_repair to groundwork_app;
      grant execute on function groundwork.read_log to groundwork_worker;
    `);
  }
}
