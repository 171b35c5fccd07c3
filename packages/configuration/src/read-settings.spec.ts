import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setting } from '@groundwork/application';
import { CodedError } from '@groundwork/domain';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { z } from 'zod';
import { settingsFrom, type Environment } from './read-settings.ts';
import { settingRows, shownSettings } from './settings-reference.ts';

const groups = {
  kiln: z.object({
    url: setting(z.url({ protocol: /^https?$/ }).optional(), { variable: 'KILN_URL', description: 'Where it stands.' }),
    heatMax: setting(z.coerce.number().int().min(1).max(1_300).default(900), {
      variable: 'GW_KILN_HEAT_MAX',
      description: 'How hot.',
      allowed: '1 to 1300',
    }),
    fuel: setting(z.enum(['gas', 'wood']).default('gas'), { variable: 'GW_KILN_FUEL', description: 'What burns.' }),
  }),
  door: z
    .object({
      key: setting(z.string().min(16).optional(), { variable: 'GW_DOOR_KEY', description: 'Opens it.', secret: true }),
      lock: setting(z.string().optional(), { variable: 'GW_DOOR_LOCK', description: 'What it opens.' }),
    })
    .superRefine((door, faults) => {
      if (door.key !== undefined && door.lock === undefined) {
        faults.addIssue({ code: 'custom', path: ['lock'], message: 'a key needs a lock' });
      }
    }),
};

const read = (env: Environment) => settingsFrom(env, groups);

function refusal(env: Environment, rules = {}): CodedError {
  try {
    settingsFrom(env, groups, rules);
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error('The settings were accepted.');
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'groundwork-settings-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string): string {
  const path = join(folder, 'value');
  writeFileSync(path, content);
  return path;
}

describe('Settings', () => {
  it('come from the environment, with defaults, by group, and frozen', () => {
    const settings = read({ GW_KILN_HEAT_MAX: '1200', KILN_URL: 'http://kiln.test' });
    expect(settings.kiln).toEqual({ url: 'http://kiln.test', heatMax: 1200, fuel: 'gas' });
    expect(Object.isFrozen(settings)).toBe(true);
    expect(Object.isFrozen(settings.kiln)).toBe(true);
  });

  it('take an empty value for none', () => {
    expect(read({ GW_KILN_HEAT_MAX: '', GW_DOOR_KEY: '' })).toEqual(read({}));
  });

  it('may be given in a file, without its last line break', () => {
    expect(read({ GW_KILN_FUEL_FILE: file('wood\n') }).kiln.fuel).toBe('wood');
  });

  it('are refused when the file cannot be read, or when value and file are both given', () => {
    expect(refusal({ GW_KILN_FUEL_FILE: '/nowhere/fuel' }).message).toContain(
      'GW_KILN_FUEL_FILE="/nowhere/fuel" names a file that cannot be read (ENOENT)',
    );
    expect(refusal({ GW_KILN_FUEL: 'gas', GW_KILN_FUEL_FILE: file('gas') }).message).toContain(
      'GW_KILN_FUEL is given twice',
    );
  });
});

describe('Faults', () => {
  it('are all listed at once, with the given value and what is allowed', () => {
    const { code, message } = refusal({
      GW_KILN_HEAT_MAX: '9000',
      KILN_URL: 'over there',
      GW_KILN_FULE: 'wood',
      GW_DOOR_KEY: 'k',
    });
    expect(code).toBe('settings.invalid');
    expect(message.split('\n')).toEqual([
      '4 settings are wrong:',
      '  KILN_URL="over there" is not accepted: Invalid URL.',
      '  GW_KILN_HEAT_MAX=9000 is not accepted: use 1 to 1300.',
      expect.stringMatching(/^ {2}GW_DOOR_KEY=\*\*\* is not accepted: /),
      '  GW_KILN_FULE is not a setting: did you mean GW_KILN_FUEL?',
    ]);
  });

  it('between fields are listed beside faults of other fields', () => {
    const { message } = refusal({ GW_DOOR_KEY: 'long enough to be a key', GW_KILN_HEAT_MAX: 'hot' });
    expect(message).toContain('GW_DOOR_LOCK is missing: a key needs a lock');
    expect(message).toContain('GW_KILN_HEAT_MAX=hot is not accepted');
  });

  it('between fields are not invented because one of the fields is wrong itself', () => {
    expect(refusal({ GW_DOOR_KEY: 'short' }).message).not.toContain('GW_DOOR_LOCK');
  });

  it('of production are found in production only, beside all others', () => {
    const rules = { KILN_URL: (url: unknown) => (url === undefined ? 'is missing in production.' : undefined) };
    expect(() => settingsFrom({}, groups, rules)).not.toThrow();
    const { message } = refusal({ NODE_ENV: 'production', GW_KILN_HEAT_MAX: '0' }, rules);
    expect(message).toContain('2 settings are wrong');
    expect(message).toContain('KILN_URL is missing in production.');
  });
});

describe('An unknown GW_ variable', () => {
  it.each([
    ['GW_KILN_HEAT', 'GW_KILN_HEAT_MAX'],
    ['GW_KILN_HAET_MAX', 'GW_KILN_HEAT_MAX'],
    ['GW_KILN_URL', 'KILN_URL'],
    ['GW_KILN_FULE_FILE', 'GW_KILN_FUEL'],
  ])('%s is refused with the suggestion %s', (given, meant) => {
    expect(refusal({ [given]: '1' }).message).toContain(`${given} is not a setting: did you mean ${meant}?`);
  });

  it('without a near name is refused without a suggestion', () => {
    expect(refusal({ GW_ZEPPELIN: '1' }).message).toContain('GW_ZEPPELIN is not a setting: remove it');
  });

  it('is left alone when tests use it, and foreign variables always are', () => {
    expect(() => read({ GW_TEST_ANYTHING: '1', HOME: '/x', npm_config_y: 'z' })).not.toThrow();
  });
});

describe('Secrets', () => {
  const marker = 'sEcReT';

  it('S0-41 never appear in the message, the details or the text of a refusal', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 9, unit: 'binary' }), (rest) => {
        const error = refusal({ GW_DOOR_KEY: `${marker}${rest}`, KILN_URL: `ftp://me:${marker}@kiln.test` });
        const said = `${error.message} ${JSON.stringify(error.details)} ${error.next}`;
        expect(said).toContain('GW_DOOR_KEY=***');
        expect(said).toContain('ftp://me:***@kiln.test');
        expect(said).not.toContain(marker);
      }),
    );
  });

  it('S0-41 are masked where settings in force are shown, also passwords inside URLs', () => {
    const env = {
      GW_DOOR_KEY: `${marker} and sixteen more`,
      GW_DOOR_LOCK: 'front',
      KILN_URL: `http://me:${marker}@kiln.test/`,
    };
    expect(shownSettings(groups, read(env))).toEqual({
      KILN_URL: 'http://me:***@kiln.test/',
      GW_KILN_HEAT_MAX: '900',
      GW_KILN_FUEL: 'gas',
      GW_DOOR_KEY: '***',
      GW_DOOR_LOCK: 'front',
    });
  });
});

describe('The reference of settings', () => {
  it('has one sorted row for each variable', () => {
    expect(settingRows(groups)).toEqual([
      { variable: 'GW_DOOR_KEY', preset: '', allowed: '', description: 'Opens it.', group: 'door', secret: true },
      {
        variable: 'GW_DOOR_LOCK',
        preset: '',
        allowed: '',
        description: 'What it opens.',
        group: 'door',
        secret: false,
      },
      {
        variable: 'GW_KILN_FUEL',
        preset: 'gas',
        allowed: '',
        description: 'What burns.',
        group: 'kiln',
        secret: false,
      },
      {
        variable: 'GW_KILN_HEAT_MAX',
        preset: '900',
        allowed: '1 to 1300',
        description: 'How hot.',
        group: 'kiln',
        secret: false,
      },
      { variable: 'KILN_URL', preset: '', allowed: '', description: 'Where it stands.', group: 'kiln', secret: false },
    ]);
  });
});
