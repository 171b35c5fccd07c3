// Patterns of keys, with one meaning for every strategy.

/** `*` stands for any characters, `?` for one; everything else for itself. */
export function globMatcher(pattern: string): (key: string) => boolean {
  const expression = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.');
  const matcher = new RegExp(`^${expression}$`, 'su');
  return (key) => matcher.test(key);
}

/** What every match begins with. */
export const literalPrefix = (pattern: string): string => /^[^*?]*/.exec(pattern)![0];
