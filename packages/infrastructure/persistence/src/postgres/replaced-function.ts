// A function of the database as an earlier migration made it, with a few places changed.

/**
 * The statement as `create or replace`, each `from` exchanged for its `to`. Throws unless `from` stands there exactly
 * once: a migration that changes nothing, or another place, would look as if it had run.
 */
export const replacedFunction = (made: string, ...changes: readonly (readonly [from: string, to: string])[]): string =>
  changes.reduce(
    (text, [from, to]) => {
      const parts = text.split(from);
      if (parts.length !== 2) throw new Error(`"${from}" stands ${parts.length - 1} times in the function to replace.`);
      return parts.join(to);
    },
    made.replace('create function', 'create or replace function'),
  );

/** A change that puts `inserted` in front of `place`. */
export const inFrontOf = (place: string, inserted: string): readonly [from: string, to: string] => [
  place,
  `${inserted}${place}`,
];
