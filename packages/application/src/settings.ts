// How a package says what can be set about it.
import { z, type ZodType } from 'zod';

/**
 * A package's settings are one zod object whose fields carry this as their `.meta(...)`; configuration merges the
 * objects, reads the environment once and reports all faults together.
 */
export interface SettingMeta {
  /** The environment variable: `DATABASE_URL`, or `GW_…`. `X_FILE` names a file that holds the value. */
  readonly variable: string;
  /** One sentence for docs/reference/settings.md. */
  readonly description: string;
  /** Never shown in messages, logs or `/info`. */
  readonly secret?: boolean;
  /** Shown where a value is refused: `1 to 100`. */
  readonly allowed?: string;
}

/** Attaches the meta in a typed way: `setting(z.url(), { variable: … })`. */
export const setting = <Schema extends ZodType>(schema: Schema, meta: SettingMeta): Schema => schema.meta({ ...meta });

/** A whole number from `min` to `max`, which is also what the documents and refusals say. */
export const wholeNumberSetting = (min: number, max: number, preset: number, meta: Omit<SettingMeta, 'allowed'>) =>
  setting(z.coerce.number().int().min(min).max(max).default(preset), { ...meta, allowed: `${min} to ${max}` });
