// In which part of an ordered queue a message belongs: equal keys always in the same.
import { createHash } from 'node:crypto';
import type { BusMessage } from '@groundwork/application';

/** How many messages of an ordered queue can be worked on at once on Redis and NATS. Never to be changed. */
export const PARTITIONS = 16;

/** From 0 to PARTITIONS - 1; a message without a key has no place to keep and takes that of its id. */
export const partitionOf = ({ key, id }: Pick<BusMessage, 'key' | 'id'>): number =>
  createHash('sha1')
    .update(key ?? id)
    .digest()[0]! % PARTITIONS;
