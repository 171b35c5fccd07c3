// Where a member of a group begins, told by the events of its driver: no cluster hands out partitions on demand.
import { expect, it } from '@jest/globals';
import type { Consumer as GroupConsumer } from 'kafkajs';
import { KafkaConsumer } from './kafka-consumer.ts';

type OnJoin = (event: { readonly payload: { readonly memberAssignment: Record<string, number[]> } }) => void;

it('S4-08 begins where the group began only once: partitions that a later rebalance brings are where they are', async () => {
  const [seeks, commits] = [[] as unknown[], [] as unknown[]];
  const joined = Promise.withResolvers<OnJoin>();
  const assign = async (partitions: number[]): Promise<void> =>
    (await joined.promise)({ payload: { memberAssignment: { t: partitions } } });
  const member = {
    events: { GROUP_JOIN: 'join', CRASH: 'crash' },
    on: (event: string, listen: OnJoin) => event === 'join' && joined.resolve(listen),
    connect: async () => undefined,
    subscribe: async () => undefined,
    run: () => assign([0, 1]),
    seek: (to: unknown) => void seeks.push(to),
    commitOffsets: async (offsets: unknown[]) => void commits.push(...offsets),
  };
  const consumer = new KafkaConsumer({
    member: member as unknown as GroupConsumer,
    pattern: '>',
    topics: ['t'],
    heldMax: 1,
    startsAt: new Map([['t', new Map([0, 1, 2].map((partition) => [partition, '100']))]]),
    deliver: () => undefined,
    storeDead: async () => undefined,
    onClose: () => undefined,
  });
  await consumer.start();
  expect(seeks).toEqual([0, 1].map((partition) => ({ topic: 't', partition, offset: '100' })));
  [seeks.length, commits.length] = [0, 0];
  await assign([0, 1, 2]);
  expect([seeks, commits]).toEqual([[], []]);
});
