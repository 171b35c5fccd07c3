// A part of a file is the same events as a filter over all of it, wherever lines and chunks begin and end.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collected } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { archivedEvents } from './archive-file.ts';

const BEYOND = 1_000;
const event = fc.record({
  gap: fc.integer({ min: 1, max: 4 }),
  // Around the 64 KiB that are read at once, and characters of several bytes.
  data: fc.oneof(
    fc.constantFrom('{}', '"ß☃🌍"'),
    fc.integer({ min: 65_000, max: 66_000 }).map((length) => 'x'.repeat(length)),
  ),
});

describe('archivedEvents', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'groundwork-archive-file-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('gives exactly the events behind one position and up to another', async () => {
    const path = join(folder, 'events.jsonl');
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), fc.nat(200), fc.nat(200), async (events, after, upTo) => {
        let position = 0;
        const lines = events.map(({ gap, data }) => ({
          position: (position += gap),
          stream_id: 7,
          type: 'Noted',
          data,
        }));
        await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
        const read = await collected(archivedEvents(path, BigInt(after), BigInt(upTo)));
        expect(read.map((one) => [Number(one.position), one.streamNumber, one.bytes])).toEqual(
          lines
            .filter((line) => line.position > after && line.position <= upTo)
            .map((line) => [line.position, '7', Buffer.byteLength(line.data)]),
        );
        expect(await collected(archivedEvents(path, 0n, BigInt(BEYOND)))).toHaveLength(lines.length);
      }),
      { numRuns: 60 },
    );
  }, 30_000);
});
