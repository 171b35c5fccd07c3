// Turns the environment into settings: read once, checked completely, frozen.
import { readFileSync } from 'node:fs';
import type { SettingMeta } from '@groundwork/application';
import { MASK, maskSecrets } from '@groundwork/monitoring';
import type { z, ZodObject, ZodType } from 'zod';
import { misconfigured, nearestName, type SettingFault } from './setting-faults.ts';

/** By group, the settings of one package. */
export type SettingsGroups = Readonly<Record<string, ZodObject>>;
export type SettingsOf<Groups extends SettingsGroups> = {
  readonly [Name in keyof Groups]: Readonly<z.output<Groups[Name]>>;
};
export type Environment = Readonly<Record<string, string | undefined>>;

/** By variable: what is wrong with this value in production, undefined when nothing is. */
export type ProductionRules = Readonly<Record<string, (value: unknown) => string | undefined>>;

export interface SettingField {
  readonly group: string;
  readonly field: string;
  readonly schema: ZodType;
  readonly meta: SettingMeta;
}

const SHOWN_LENGTH_MAX = 60;
/** What tests hand to the programs they start. */
const RESERVED_PREFIX = 'GW_TEST_';

/**
 * Reads every setting of `groups` from `env`; `X_FILE` names a file that holds the value of `X`, and an empty value
 * counts as none. Throws Misconfigured `settings.invalid` with the list of all that is wrong, secrets masked: values
 * that are not accepted, what is missing or unsafe in production, and `GW_…` variables that nobody reads.
 */
export function settingsFrom<Groups extends SettingsGroups>(
  env: Environment,
  groups: Groups,
  productionRules: ProductionRules = {},
): SettingsOf<Groups> {
  const faults: SettingFault[] = [];
  const fields = settingFields(groups);
  const given = givenValues(env, fields, faults);
  const settings: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(groups)) {
    settings[name] = readGroup(
      schema,
      fields.filter(({ group }) => group === name),
      given,
      faults,
    );
  }
  if (env.NODE_ENV === 'production') refuseUnsafe(fields, given, productionRules, faults);
  refuseUnknown(env, fields, faults);
  if (faults.length > 0) throw misconfigured(faults);
  return deepFrozen(settings) as SettingsOf<Groups>;
}

/** Every setting of the groups with its variable. */
export function settingFields(groups: SettingsGroups): readonly SettingField[] {
  return Object.entries(groups).flatMap(([group, schema]) =>
    Object.entries(schema.shape).map(([field, fieldSchema]) => {
      const meta = (fieldSchema as ZodType).meta() as SettingMeta | undefined;
      if (meta?.variable === undefined) throw new TypeError(`The setting ${group}.${field} names no variable.`);
      return { group, field, schema: fieldSchema as ZodType, meta };
    }),
  );
}

/** The value as it may be shown: `***` for secrets, without passwords otherwise, and never more than one line. */
export function shownValue(value: unknown, meta: SettingMeta): string {
  if (meta.secret === true) return MASK;
  const text = Array.isArray(value) ? value.join(',') : String(value);
  // Masked before it is cut: half a password is a secret, too.
  const masked = maskSecrets(text);
  const short = masked.length > SHOWN_LENGTH_MAX ? `${masked.slice(0, SHOWN_LENGTH_MAX)}…` : masked;
  return /^[\w.,:/@*+-]*$/.test(short) ? short : JSON.stringify(short);
}

function givenValues(
  env: Environment,
  fields: readonly SettingField[],
  faults: SettingFault[],
): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const variable of new Set(fields.map(({ meta }) => meta.variable))) {
    const [value, file] = [env[variable], env[`${variable}_FILE`]];
    if (value && file) faults.push({ variable, problem: `is given twice: leave out ${variable} or ${variable}_FILE.` });
    else if (file) readInto(given, variable, file, faults);
    else if (value) given.set(variable, value);
  }
  return given;
}

function readInto(given: Map<string, string>, variable: string, file: string, faults: SettingFault[]): void {
  try {
    given.set(variable, readFileSync(file, 'utf8').replace(/\r?\n$/, ''));
  } catch (error) {
    const problem = `names a file that cannot be read (${(error as NodeJS.ErrnoException).code}).`;
    faults.push({ variable: `${variable}_FILE`, given: JSON.stringify(file), problem });
  }
}

/**
 * Field by field, so that one fault does not hide another; the rules across fields then see what was accepted, and
 * are not heard about fields that are wrong already.
 */
function readGroup(
  schema: ZodObject,
  fields: readonly SettingField[],
  given: ReadonlyMap<string, string>,
  faults: SettingFault[],
): unknown {
  const accepted: Record<string, string> = {};
  const faulty = new Set<unknown>();
  for (const { field, schema: fieldSchema, meta } of fields) {
    const value = given.get(meta.variable);
    const parsed = fieldSchema.safeParse(value);
    if (parsed.success) {
      if (value !== undefined) accepted[field] = value;
      continue;
    }
    faulty.add(field);
    if (!isFaulty(faults, meta.variable)) faults.push(faultOf(meta, value, parsed.error.issues[0]!));
  }
  const whole = schema.safeParse(accepted);
  if (whole.success) return whole.data;
  for (const issue of whole.error.issues) {
    const field = fields.find((candidate) => candidate.field === issue.path[0]);
    if (field === undefined || faulty.has(field.field) || isFaulty(faults, field.meta.variable)) continue;
    faults.push(faultOf(field.meta, given.get(field.meta.variable), issue));
  }
  return undefined;
}

function faultOf(meta: SettingMeta, value: string | undefined, issue: { code: string; message: string }): SettingFault {
  const { variable, allowed, description } = meta;
  // A validator's own words may repeat the value.
  const said = value === undefined ? issue.message : issue.message.replaceAll(value, shownValue(value, meta));
  const expected = issue.code === 'custom' || allowed === undefined ? said : `use ${allowed}`;
  if (value !== undefined)
    return { variable, given: shownValue(value, meta), problem: `is not accepted: ${expected}.` };
  return { variable, problem: `is missing: ${issue.code === 'custom' ? said : description}` };
}

function refuseUnsafe(
  fields: readonly SettingField[],
  given: ReadonlyMap<string, string>,
  rules: ProductionRules,
  faults: SettingFault[],
): void {
  for (const { schema, meta } of fields) {
    const value = given.get(meta.variable);
    const parsed = schema.safeParse(value);
    const problem = parsed.success ? rules[meta.variable]?.(parsed.data) : undefined;
    if (problem === undefined || isFaulty(faults, meta.variable)) continue;
    faults.push({
      variable: meta.variable,
      ...(value === undefined ? {} : { given: shownValue(value, meta) }),
      problem,
    });
  }
}

function refuseUnknown(env: Environment, fields: readonly SettingField[], faults: SettingFault[]): void {
  const known = new Set(fields.map(({ meta }) => meta.variable));
  for (const variable of Object.keys(env)) {
    const read = known.has(variable) || known.has(variable.replace(/_FILE$/, ''));
    if (!variable.startsWith('GW_') || variable.startsWith(RESERVED_PREFIX) || read) continue;
    const meant = nearestName(variable.replace(/_FILE$/, ''), known);
    const question = meant === undefined ? 'remove it' : `did you mean ${meant}?`;
    faults.push({ variable, problem: `is not a setting: ${question}` });
  }
}

const isFaulty = (faults: readonly SettingFault[], variable: string): boolean =>
  faults.some((fault) => fault.variable === variable || fault.variable === `${variable}_FILE`);

function deepFrozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFrozen(member);
  return Object.freeze(value);
}
