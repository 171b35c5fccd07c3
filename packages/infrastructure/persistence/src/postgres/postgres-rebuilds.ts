// Rebuilds in PostgreSQL: what changes tables is done by functions with the owner's rights.
import {
  buildName,
  Misconfigured,
  pause,
  SAMPLE_COUNT_MAX,
  type Projection,
  type Rebuild,
  type RebuildKind,
  type Rebuilds,
  type RowDifference,
} from '@groundwork/application';
import type { EntitySchema } from 'typeorm';
import { declaredTable } from '../drift/declared-table.ts';
import { codeOf } from './database-errors.ts';
import type { Database, Statement, Transaction } from './database.ts';
import { SQL_TYPES } from './read-model-statements.ts';
import { differenceOf, rebuildOf, REBUILDS, type DifferenceRow, type RebuildRow } from './rebuild-rows.ts';
import { nothingToRollBack, rebuildOpen, unknownProjection } from '../unmade-rebuild.ts';

/** For how long the live projection waits for its build to come level, before it goes on and the build tries again. */
const HOLD_MS_MAX = 2_000;
const LOOK_INTERVAL_MS = 10;
/** A comparison that has not ended by then is taken for dead, and begun again. */
const COMPARISON_MS_MAX = 600_000;
const DEPENDENT_OBJECTS = '2BP01';

export class PostgresRebuilds implements Rebuilds {
  readonly #database: Database;
  readonly #entities: readonly EntitySchema[];

  /** The entities say more of the tables that a repair makes than the projections do. */
  constructor(database: Database, entities: readonly EntitySchema[] = []) {
    this.#database = database;
    this.#entities = entities;
  }

  async begin(projection: Projection, kind: RebuildKind): Promise<Rebuild> {
    const { name } = projection;
    try {
      const [begun] = await this.#database.query<{ refusal: string | null }>(
        kind.isRepair === true ? repairStatement(projection, this.#entities) : rebuildStatement(projection, kind),
      );
      if (begun!.refusal !== null) throw refusalOf(begun!.refusal, name);
    } catch (error) {
      throw codeOf(error) === DEPENDENT_OBJECTS ? dependedOn(name, error) : error;
    }
    return (await this.list(name))[0]!;
  }

  async list(projection?: string): Promise<readonly Rebuild[]> {
    const rows = await this.#database.query<RebuildRow>({
      name: 'list_rebuilds',
      text: `${REBUILDS} where $1::text is null or r.projection = $1 order by r.rebuild_id desc limit 1000`,
      values: [projection ?? null],
    });
    return rows.map(rebuildOf);
  }

  async open(): Promise<readonly Rebuild[]> {
    const rows = await this.#database.query<RebuildRow>({
      name: 'open_rebuilds',
      text: `${REBUILDS} where r.state in ('building', 'compared') order by r.rebuild_id`,
    });
    return rows.map(rebuildOf);
  }

  async compare(projection: Projection, rebuild: Rebuild): Promise<boolean> {
    if (!(await this.#isMineToCompare(rebuild))) return false;
    const comparing: Promise<void>[] = [];
    const isLevel = await this.#whileLevel(rebuild, async () => {
      // The other transaction sees both tables as they are now; the live projection is let go as soon as it does.
      const { promise: hasSnapshot, resolve } = Promise.withResolvers<void>();
      comparing.push(this.#database.transaction(undefined, (other) => compareIn(other, projection, rebuild, resolve)));
      await Promise.race([hasSnapshot, ...comparing]);
      return true;
    }).finally(() => Promise.all(comparing));
    if (isLevel !== true) await this.#letOthersCompare(rebuild);
    return isLevel === true;
  }

  async switchOver(rebuild: Rebuild): Promise<boolean> {
    const isSwitched = await this.#whileLevel(rebuild, async ({ query }) => {
      await query({ name: 'wait_shortly', text: `set local lock_timeout = ${HOLD_MS_MAX}` });
      const [answer] = await query<{ refusal: string | null }>({
        name: 'switch_rebuild',
        text: 'select * from groundwork.switch_rebuild($1)',
        values: [rebuild.id],
      });
      return answer!.refusal === null;
    });
    return isSwitched === true;
  }

  async failed(rebuild: Rebuild, error: string | undefined): Promise<void> {
    await this.#database.query({
      name: 'rebuild_failed',
      text: 'update groundwork.rebuild set error = $2, comparing_until = null where rebuild_id = $1',
      values: [rebuild.id, error ?? null],
    });
  }

  async approve(rebuild: Rebuild, { isForced }: { readonly isForced: boolean }): Promise<void> {
    await this.#database.query({
      name: 'approve_rebuild',
      text: 'select groundwork.approve_rebuild($1, $2)',
      values: [rebuild.id, isForced],
    });
  }

  async drop(rebuild: Rebuild): Promise<void> {
    await this.#database.query({
      name: 'drop_rebuild',
      text: 'select groundwork.drop_rebuild($1)',
      values: [rebuild.id],
    });
  }

  async rollBack(rebuild: Rebuild): Promise<void> {
    const [answer] = await this.#database.query<{ refusal: string | null }>({
      name: 'roll_back_rebuild',
      text: 'select * from groundwork.roll_back_rebuild($1)',
      values: [rebuild.id],
    });
    if (answer!.refusal !== null) throw nothingToRollBack(rebuild.projection);
  }

  async differences(tenant: string, rebuild: Rebuild): Promise<readonly RowDifference[]> {
    const rows = await this.#database.transaction(tenant, ({ query }) =>
      query<DifferenceRow>({
        name: 'rebuild_differences',
        text: `select key, change, before, after from groundwork.rebuild_difference
                where tenant = $1 and rebuild_id = $2 order by change, key`,
        values: [tenant, rebuild.id],
      }),
    );
    return rows.map(differenceOf);
  }

  /**
   * Runs `work` while the live projection stands still and the build has reached it; undefined when it has not within
   * `HOLD_MS_MAX`, or when somebody else holds it.
   */
  async #whileLevel<T>(rebuild: Rebuild, work: (transaction: Transaction) => Promise<T>): Promise<T | undefined> {
    const endsAtMs = performance.now() + HOLD_MS_MAX;
    return this.#database.transaction(undefined, async (transaction) => {
      const { query } = transaction;
      const [mine] = await query({
        name: 'elect_for_rebuild',
        text: 'select from groundwork.rebuild where rebuild_id = $1 and state = $2 for update skip locked',
        values: [rebuild.id, rebuild.state],
      });
      if (mine === undefined) return undefined;
      const slices = 'select slice from groundwork.projection_slice where projection = $1 order by slice for update';
      await query({ name: 'hold_projection', text: slices, values: [rebuild.projection] });
      const [log] = await query<{ head_position: string }>({
        name: 'log_head',
        text: 'select * from groundwork.log_head()',
      });
      for (;;) {
        const [gap] = await query<{ behind: number }>({
          name: 'rebuild_behind',
          text: 'select groundwork.slices_behind($1, $2, $3) as behind',
          values: [rebuild.projection, buildName(rebuild), log!.head_position],
        });
        if (gap!.behind === 0) return work(transaction);
        if (performance.now() >= endsAtMs) return undefined;
        await pause(LOOK_INTERVAL_MS);
      }
    });
  }

  async #isMineToCompare({ id }: Rebuild): Promise<boolean> {
    const claimed = await this.#database.query({
      name: 'claim_comparison',
      text: `update groundwork.rebuild set comparing_until = clock_timestamp() + $2 * interval '1 ms'
              where rebuild_id = $1 and state = 'building' and coalesce(comparing_until, '-infinity') < clock_timestamp()
             returning rebuild_id`,
      values: [id, COMPARISON_MS_MAX],
    });
    return claimed.length === 1;
  }

  async #letOthersCompare({ id }: Rebuild): Promise<void> {
    await this.#database.query({
      name: 'release_comparison',
      text: 'update groundwork.rebuild set comparing_until = null where rebuild_id = $1',
      values: [id],
    });
  }
}

function rebuildStatement({ name, schemaVersion, table }: Projection, { isShadow }: RebuildKind): Statement {
  const types = Object.values(table.columns).map((type) => SQL_TYPES[type]);
  return {
    name: 'begin_rebuild',
    text: 'select * from groundwork.begin_rebuild($1, $2, $3, $4, $5, $6)',
    values: [name, `${table.schema}.${table.name}`, schemaVersion, Object.keys(table.columns), types, isShadow],
  };
}

const repairStatement = ({ name, schemaVersion, table }: Projection, entities: readonly EntitySchema[]): Statement => ({
  name: 'begin_indexed_repair',
  text: 'select * from groundwork.begin_indexed_repair($1, $2, $3, $4)',
  values: [name, `${table.schema}.${table.name}`, schemaVersion, JSON.stringify(declaredTable(table, entities))],
});

async function compareIn(
  { query }: Transaction,
  { table }: Projection,
  { id }: Rebuild,
  onSnapshot: () => void,
): Promise<void> {
  await query({ name: 'repeatable_read', text: 'set transaction isolation level repeatable read' });
  await query({ name: 'take_snapshot', text: 'select 1' });
  onSnapshot();
  await query({ name: 'take_time', text: `set local statement_timeout = ${COMPARISON_MS_MAX}` });
  await query({
    name: 'compare_repair',
    text: 'select groundwork.compare_repair($1, $2, $3, $4)',
    values: [id, table.key, Object.keys(table.columns), SAMPLE_COUNT_MAX],
  });
}

function refusalOf(refusal: string, name: string): Error {
  if (refusal === 'open') return rebuildOpen(name);
  if (refusal === 'unknown') return unknownProjection(name);
  return new Misconfigured(
    'projection.table-renamed',
    `${name} was registered with another table than it declares now.`,
    'A read model in another table is another projection: give it a name of its own.',
  );
}

const dependedOn = (name: string, cause: unknown): Misconfigured =>
  new Misconfigured(
    'projection.table-depended-on',
    `The table of ${name} has a trigger, a view or a foreign key on it, which a second table would not have.`,
    'Let the projection do what the trigger does, and read the table without the view; then rebuild.',
    {},
    { cause },
  );
