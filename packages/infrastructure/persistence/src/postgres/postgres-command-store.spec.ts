// The command store in PostgreSQL keeps the contract of command stores, and commands run on it.
import { describe, expect, it } from '@jest/globals';
import type { CommandStore } from '@groundwork/application';
import type { TenantId } from '@groundwork/domain';
import {
  describeCommandStore,
  describeRunningCommands,
  newCommand,
  newTenant,
  type CommandStoreUnderTest,
} from '@groundwork/testing';
import { postgresUnderTest } from './postgres-under-test.ts';

const make = async (): Promise<CommandStoreUnderTest> => {
  const postgres = await postgresUnderTest();
  const { commands, queue } = postgres.stores([]);
  return { commands, queue, close: () => postgres.close() };
};

describeCommandStore('PostgresCommandStore', make);
describeRunningCommands('PostgresCommandStore', make);

describe('the queue of PostgreSQL', () => {
  it('finds the one free command behind a thousand that have to wait', async () => {
    const postgres = await postgresUnderTest();
    try {
      const { commands, queue } = postgres.stores([]);
      const tenant = newTenant();
      const [first] = await acceptAll(commands, tenant, 1, ['one-record']);
      await queue.claim('another', 1, 60_000);
      await acceptAll(commands, tenant, 1_000, ['one-record', 'merged']);
      const [free] = await acceptAll(commands, tenant, 1, ['free']);
      const claimed = await queue.claim('me', 32, 60_000);
      expect(claimed.map(({ id }) => id)).toEqual([free]);
      expect(first).not.toBe(free);
    } finally {
      await postgres.close();
    }
  });

  it('claims beside a living worker that holds commands over thousands of records', async () => {
    const postgres = await postgresUnderTest();
    try {
      const { commands, queue } = postgres.stores([]);
      const tenant = newTenant();
      for (let n = 0; n < 16; n++) {
        await acceptAll(
          commands,
          tenant,
          1,
          Array.from({ length: 2_000 }, (_, record) => `record-${n}-${record}`),
        );
      }
      expect(await queue.claim('another', 15, 60_000)).toHaveLength(15);
      const mine = await queue.claim('me', 32, 60_000);
      expect(mine).toHaveLength(1);
      expect(mine[0]!.orderKeys).toHaveLength(2_000);
    } finally {
      await postgres.close();
    }
  });
});

async function acceptAll(store: CommandStore, tenant: TenantId, count: number, orderKeys: string[]): Promise<string[]> {
  const accepted = await Promise.all(
    Array.from({ length: count }, () => store.accept(newCommand({ tenant, orderKeys }))),
  );
  return accepted.map(({ command }) => command.id);
}
