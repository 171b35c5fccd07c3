// Before any test of a run: opens the desk where tests ask for the test cluster. Nothing is started until one asks.
import { openTestDesk, type TestDesk } from './test-desk.ts';

// global-teardown.ts finds the desk under the same symbol: jest runs both in the same process.
const DESK = Symbol.for('groundwork.test-desk');

export default async function globalSetup(): Promise<void> {
  if (process.env['GW_TEST_DATABASE_URL'] || process.env['GW_TEST_DATABASE_DESK']) return;
  const desk = await openTestDesk();
  process.env['GW_TEST_DATABASE_DESK'] = desk.url;
  (globalThis as { [DESK]?: TestDesk })[DESK] = desk;
  // An interrupted run skips the teardown, and the cluster would live on.
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => void desk.close().finally(() => process.exit(130)));
}
