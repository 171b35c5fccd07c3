// How an app lists its contexts: what can be set about each, and its wiring.
import type { ContainerModule } from 'inversify';
import type { z, ZodObject } from 'zod';
import type { SettingsOf } from './read-settings.ts';

export interface Context<Settings extends ZodObject = ZodObject> {
  readonly settings: Settings;
  // A method, so that a context with settings of its own is still a Context.
  module(settings: z.output<Settings>): ContainerModule;
}

/** By name; a context's settings are read under its name. */
export type Contexts = Readonly<Record<string, Context>>;

export type ContextSettings<Listed extends Contexts> = SettingsOf<{
  readonly [Name in keyof Listed]: Listed[Name]['settings'];
}>;

/** The settings objects of the contexts, by name. */
export const settingsGroupsOf = <Listed extends Contexts>(
  contexts: Listed,
): { readonly [Name in keyof Listed]: Listed[Name]['settings'] } =>
  Object.fromEntries(Object.entries(contexts).map(([name, { settings }]) => [name, settings])) as never;

/** The modules of the contexts, made with what was set for each. */
export const contextModules = <Listed extends Contexts>(
  contexts: Listed,
  settings: ContextSettings<Listed>,
): ContainerModule[] => Object.entries(contexts).map(([name, context]) => context.module(settings[name]!));
