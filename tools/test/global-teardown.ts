// After all tests of a run: ends the test cluster, when one was started.
import type { TestDesk } from './test-desk.ts';

export default async function globalTeardown(): Promise<void> {
  const key = Symbol.for('groundwork.test-desk');
  await (globalThis as { [key: symbol]: TestDesk | undefined })[key]?.close();
}
