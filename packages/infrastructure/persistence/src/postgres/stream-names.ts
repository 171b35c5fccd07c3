// The names of streams by their numbers, as far as a reader of the log has met them.
import type { StreamId } from '@groundwork/domain';
import type { RunStatement } from './database.ts';

/**
 * A number is given once and its name never changes, so that what is known stays true for one table. Names that were
 * not asked for since `countMax` others came are forgotten; a name takes about 150 bytes.
 */
export class StreamNames {
  readonly #countMax: number;
  #table = '';
  #recent = new Map<number, StreamId>();
  #older: ReadonlyMap<number, StreamId> = new Map();

  constructor(countMax = 50_000) {
    this.#countMax = countMax;
  }

  /**
   * The names in the order of the numbers; `query` is asked once for those that are not known. Undefined when one does
   * not exist. `table` says which numbers these are: with another one everything is forgotten.
   */
  async of(numbers: readonly number[], table: string, query: RunStatement): Promise<readonly StreamId[] | undefined> {
    this.#use(table);
    const names = numbers.map((number) => this.#known(number));
    const unknown = new Set(numbers.filter((_, at) => names[at] === undefined));
    if (unknown.size === 0) return names as readonly StreamId[];
    const found = new Map(
      (await query<{ stream_id: string } & StreamId>({ ...NAMES, values: [[...unknown]] })).map(
        ({ stream_id: number, type, id }) => [Number(number), { type, id }],
      ),
    );
    if (found.size < unknown.size) return undefined;
    // Another read may have found out in the meantime that the table is no longer there.
    if (this.#table === table) for (const [number, name] of found) this.#keep(number, name);
    return numbers.map((number, at) => names[at] ?? found.get(number)!);
  }

  #use(table: string): void {
    if (this.#table === table) return;
    this.#table = table;
    this.#recent = new Map();
    this.#older = new Map();
  }

  #known(number: number): StreamId | undefined {
    const recent = this.#recent.get(number);
    if (recent !== undefined) return recent;
    const older = this.#older.get(number);
    if (older !== undefined) this.#keep(number, older);
    return older;
  }

  #keep(number: number, name: StreamId): void {
    if (this.#recent.size >= this.#countMax) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(number, name);
  }
}

// Looked up one by one: asked for all at once, a table that was never analysed is read from its beginning to its end.
const NAMES = {
  name: 'stream_names',
  text: `
    select n.stream_id, s.type, s.id from unnest($1::bigint[]) as n (stream_id)
     cross join lateral (select type, id from groundwork.stream where stream_id = n.stream_id offset 0) s`,
};
