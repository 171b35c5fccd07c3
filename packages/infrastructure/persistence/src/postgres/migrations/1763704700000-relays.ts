// Relays follow the log as projections do, with slices and checkpoints, and have no read model.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Relays1763704700000 implements MigrationInterface {
  readonly name = 'Relays1763704700000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table groundwork.projection alter column read_model drop not null');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      delete from groundwork.projection_worker w
       using groundwork.projection p where p.name = w.projection and p.read_model is null;
      delete from groundwork.parked_stream s
       using groundwork.projection p where p.name = s.projection and p.read_model is null;
      delete from groundwork.projection_slice s
       using groundwork.projection p where p.name = s.projection and p.read_model is null;
      delete from groundwork.projection where read_model is null;
      alter table groundwork.projection alter column read_model set not null;
    `);
  }
}
