// How old data becomes new: one event of the next schema version, or several.

/** Turns data of one schema version into the next. Pure, total, and never changed after release. */
export type Upcaster = (data: unknown) => unknown;

/** Turns one event of a schema version into several of the next, in their order. As pure as an Upcaster. */
export interface SplittingUpcaster {
  /**
   * Every type that may come of it, with the schema version in which it comes: of the event's own type the next one, of
   * others any that they have. Their upcasters lead on from there.
   */
  readonly into: Readonly<Record<string, number>>;
  /** At least one: an event may never vanish. */
  split(data: unknown): readonly { readonly type: string; readonly data: unknown }[];
}

/** Whether the upcaster may make several events of one. */
export const isSplitting = (upcaster: Upcaster | SplittingUpcaster | undefined): upcaster is SplittingUpcaster =>
  typeof upcaster === 'object';
