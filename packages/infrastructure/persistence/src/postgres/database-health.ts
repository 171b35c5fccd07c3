// Ready means: the database answers, and its sessions are what they must be.
import type { HealthCheck, Logger, Resilience } from '@groundwork/application';
import type { Database } from './database.ts';
import type { Signals } from './signals.ts';

/**
 * Warns once when the process's login has rights that would let it change what is recorded. A question that is not
 * answered in time is ended on the server: questions must not pile up there.
 */
export function databaseHealth(
  database: Database,
  signals: Signals,
  logger: Logger,
  resilience: Resilience,
): HealthCheck {
  const policy = resilience.policyFor('postgres', { patterns: ['timeout'] });
  let hasWarned = false;
  return {
    name: 'database',
    async check() {
      const [login] = await policy.execute((signal) => database.query<{ may_own: boolean }>(HEALTH, signal));
      await database.checkSession();
      if (signals.fault !== undefined) throw signals.fault;
      if (!login!.may_own || hasWarned) return;
      hasWarned = true;
      logger.warn(
        'The login in DATABASE_URL can become the owner of the log and change it. ' +
          '`gw db setup --sql` prints what makes logins that cannot.',
      );
    },
  };
}

const HEALTH = {
  name: 'health',
  text: `select pg_has_role(session_user, 'groundwork_owner', 'member') as may_own`,
};
