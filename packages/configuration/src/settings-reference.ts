// The settings as documentation and as facts about a running process.
import { settingFields, shownValue, type SettingsGroups, type SettingsOf } from './read-settings.ts';

export interface SettingRow {
  readonly variable: string;
  /** Empty when there is none. */
  readonly preset: string;
  readonly allowed: string;
  readonly description: string;
  readonly group: string;
  readonly secret: boolean;
}

/** Each variable once, sorted: what docs/reference/settings.md has to show. */
export function settingRows(groups: SettingsGroups): readonly SettingRow[] {
  const rows = settingFields(groups).map(({ group, schema, meta }): SettingRow => {
    const preset = schema.safeParse(undefined);
    return {
      variable: meta.variable,
      preset: preset.success && preset.data !== undefined ? shownPreset(preset.data) : '',
      allowed: meta.allowed ?? '',
      description: meta.description,
      group,
      secret: meta.secret ?? false,
    };
  });
  const first = new Map(rows.toReversed().map((row) => [row.variable, row]));
  return [...first.values()].sort((one, other) => (one.variable < other.variable ? -1 : 1));
}

/** By variable, the values in force, with secrets masked. */
export function shownSettings<Groups extends SettingsGroups>(
  groups: Groups,
  settings: SettingsOf<Groups>,
): Readonly<Record<string, string>> {
  const shown = settingFields(groups).flatMap(({ group, field, meta }) => {
    const value = (settings[group] as Readonly<Record<string, unknown>>)[field];
    return value === undefined ? [] : [[meta.variable, shownValue(value, meta)] as const];
  });
  return Object.fromEntries(shown);
}

const shownPreset = (preset: unknown): string => (Array.isArray(preset) ? preset.join(',') : String(preset));
