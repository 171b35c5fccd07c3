// What can be wrong with the settings, and how it is said: everything at once, with secrets masked.
import { Misconfigured } from '@groundwork/application';

export interface SettingFault {
  readonly variable: string;
  /** The given value, masked; undefined when there is none. */
  readonly given?: string;
  readonly problem: string;
}

/** One readable list under the code `settings.invalid`. */
export function misconfigured(faults: readonly SettingFault[]): Misconfigured {
  const lines = faults.map(({ variable, given, problem }) => {
    const value = given === undefined ? '' : `=${given}`;
    return `  ${variable}${value} ${problem}`;
  });
  return new Misconfigured(
    'settings.invalid',
    `${faults.length === 1 ? 'A setting is' : `${faults.length} settings are`} wrong:\n${lines.join('\n')}`,
    'Correct the environment and start again; docs/reference/settings.md describes every setting.',
    { faults },
  );
}

/** The known name that was probably meant; undefined when none is near. */
export function nearestName(unknown: string, known: Iterable<string>): string | undefined {
  const bare = bareName(unknown);
  let nearest: { readonly name: string; readonly distance: number } | undefined;
  for (const name of known) {
    const isPart = name.startsWith(unknown) || unknown.startsWith(name);
    const distance = isPart ? 1 : Math.min(editDistance(unknown, name), editDistance(bare, bareName(name)));
    if (nearest === undefined || distance < nearest.distance) nearest = { name, distance };
  }
  const distanceMax = Math.max(2, Math.floor(bare.length / 3));
  return nearest !== undefined && nearest.distance <= distanceMax ? nearest.name : undefined;
}

const bareName = (name: string): string => name.replace(/^GW_/, '');

/** How many letters have to be added, removed or replaced to make one text the other (Levenshtein). */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, replaced));
    }
    row = next;
  }
  return row[other.length]!;
}
