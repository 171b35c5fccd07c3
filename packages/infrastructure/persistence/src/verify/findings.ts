// What a verification can find, and what to do about each.

/** By the name of the check: what is wrong, and what to do next. */
const CHECKS = {
  'constraint-missing': [
    'The log has lost a constraint that keeps it sound',
    'Create it again as the migrations do; whatever it refuses is a finding of its own.',
  ],
  'position-missing': [
    'Positions hold no event',
    'Events were deleted past Groundwork. Restore a backup, or bring them back from one.',
  ],
  'time-backwards': [
    'Events were recorded before the event at the position below',
    'Rows were changed past Groundwork. Compare them with a backup.',
  ],
  'event-without-stream': [
    'Events belong to no stream',
    'Rows of groundwork.stream were deleted. Bring them back from a backup.',
  ],
  'tenant-mixed': [
    'Events belong to another tenant than their stream',
    'Take the right tenant from a backup; until then keep both tenants from reading.',
  ],
  'payload-unreadable': [
    'Events hold data, metadata or validation that cannot be read',
    'Bring the text back from a backup, or correct the upcaster.',
  ],
  'type-unknown': [
    'Events are of a type or schema version that this program does not know',
    'Run the program that wrote them, or declare the type again with its upcasters.',
  ],
  'version-missing': [
    'Streams have gaps in their versions',
    'Events were deleted past Groundwork. Restore a backup, or bring them back from one.',
  ],
  'version-twice': [
    'Streams hold a version more than once',
    'Find by recorded_at which event is the later one and take it out; then create the constraint again.',
  ],
  'event-id-twice': [
    'Event ids stand in the log more than once',
    'Find by recorded_at which event is the later one and take it out; then create the constraint again.',
  ],
  'aggregate-ahead': [
    'States of aggregates are newer than their events',
    'The log was restored to an earlier point than the states. Restore both from the same dump.',
  ],
  'command-unreadable': [
    'Commands hold a payload, result or error that is not JSON',
    'Bring the text back from a backup.',
  ],
  'result-dangling': [
    'Results of commands name events that the log does not hold',
    'The log was restored to an earlier point than the commands. Restore both from the same dump.',
  ],
  'order-key-left-behind': [
    'Order keys of ended commands block those behind them',
    'Delete the rows from groundwork.command_key.',
  ],
  'order-key-missing': [
    'Open commands have lost their order keys, so that others may overtake them',
    'Stop the programs, insert the keys into groundwork.command_key, start again.',
  ],
  'checkpoint-ahead': [
    'Checkpoints are ahead of the log',
    'The log was restored to an earlier point than the read model. Build it anew: gw projections rebuild NAME.',
  ],
  'slice-missing': [
    'Projections lack slices, whose events are never applied',
    'Bring the rows of groundwork.projection_slice back at position 0, then gw projections rebuild NAME.',
  ],
  'parked-stream-dangling': [
    'Parked streams wait behind events that the log does not hold',
    'Build the read model anew: gw projections rebuild NAME.',
  ],
  'table-differs': [
    'Tables of read models are not as their projections declare them',
    'gw db migrate runs what is pending; a column that no migration makes is missing in one.',
  ],
  'row-tenant-unknown': [
    'Rows belong to tenants that have no events',
    'Somebody wrote past Groundwork. Build the read model anew: gw projections rebuild NAME.',
  ],
  'row-without-stream': [
    'Rows belong to no stream of their tenant',
    'Somebody wrote past Groundwork. Build the read model anew: gw projections rebuild NAME.',
  ],
  'archive-damaged': [
    'Files of the archive cannot be read as they were written',
    'Bring them back from a backup of the folder that GW_ARCHIVE_DIR names.',
  ],
  'archived-stream-live': [
    'Streams are in the log and in the archive',
    'Somebody wrote past Groundwork. Compare the rows with the file, and take out those that are not in it.',
  ],
  'row-differs': [
    'Rows are not what their events give',
    'Somebody wrote past Groundwork, or the code has changed without a new schemaVersion. gw projections rebuild NAME.',
  ],
} as const;

export type CheckName = keyof typeof CHECKS;

export interface Finding {
  readonly check: CheckName;
  readonly message: string;
  /** How often it was found. */
  readonly count: number;
  /** Where, for the first few. Never a payload. */
  readonly places: readonly string[];
  readonly next: string;
}

const PLACES_MAX = 5;

/** Counts what is found and remembers the first places: a log full of faults takes no more memory than a sound one. */
export class Findings {
  readonly #found = new Map<CheckName, { count: number; places: string[] }>();

  add(check: CheckName, place: string, count = 1): void {
    const found = this.#found.get(check) ?? { count: 0, places: [] };
    found.count += count;
    if (found.places.length < PLACES_MAX) found.places.push(place);
    this.#found.set(check, found);
  }

  /** Takes back what was found exactly as often as there is a good reason for it. */
  explain(check: CheckName, count: number): void {
    if (this.#found.get(check)?.count === count) this.#found.delete(check);
  }

  all(): readonly Finding[] {
    return [...this.#found].map(([check, found]) => {
      const [message, next] = CHECKS[check];
      return { check, message, ...found, next };
    });
  }
}
