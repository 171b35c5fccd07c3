import { CodedError } from '@groundwork/domain';
import { describe, expect, it } from '@jest/globals';
import { platformSettings, readSettings } from './platform.settings.ts';
import type { Environment } from './read-settings.ts';
import { settingRows } from './settings-reference.ts';

function refusal(env: Environment): CodedError {
  try {
    readSettings(env);
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error('The settings were accepted.');
}

describe('The platform', () => {
  it('needs no setting at all in development', () => {
    expect(readSettings({})).toMatchObject({
      http: { port: 4000 },
      monitoring: { managementPort: 4001, logLevel: 'info' },
      persistence: { store: 'postgres' },
    });
  });

  it('S0-41 without DATABASE_URL does not start in production, and says so beside everything else that is missing', () => {
    const { code, message } = refusal({ NODE_ENV: 'production', PORT: 'web' });
    expect(code).toBe('settings.invalid');
    expect(message).toContain(
      'DATABASE_URL is missing: production keeps its events in a PostgreSQL database of yours.',
    );
    expect(message).toContain('GW_JWKS_URL is missing: ');
    expect(message).toContain('PORT=web is not accepted: use 0 to 65535.');
  });

  it('does not keep events in memory in production', () => {
    expect(refusal({ NODE_ENV: 'production', GW_STORE: 'memory' }).message).toContain(
      'GW_STORE=memory is unsafe in production: memory forgets every event at the end.',
    );
  });

  it('S0-41 never repeats the password of a database that it refuses', () => {
    const error = refusal({ DATABASE_URL: 'mysql://gw:hunter22@db.test/app' });
    expect(error.message).toContain(
      'DATABASE_URL=*** is not accepted: use postgres://user:password@host:port/database.',
    );
    expect(JSON.stringify(error.details)).not.toContain('hunter22');
  });

  it('describes every setting in one sentence and reads each from one variable', () => {
    const rows = settingRows(platformSettings);
    const fields = Object.values(platformSettings).flatMap((group) => Object.keys(group.shape));
    expect(rows).toHaveLength(fields.length);
    for (const { description } of rows) expect(description).toMatch(/^[A-Z`].*\.$/s);
  });
});
