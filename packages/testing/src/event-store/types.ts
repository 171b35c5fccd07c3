// The event types of the suite: as they are written today, and as a later program knows them.
import { EventTypes, type EventTypeDefinition, type Upcaster } from '@groundwork/application';
import { z } from 'zod';

const factKept: EventTypeDefinition = { type: 'FactKept', schemaVersion: 1 };
const factAmended: EventTypeDefinition = { type: 'FactAmended', schemaVersion: 1 };

export const typesOfToday = new EventTypes([
  { type: 'NoteWritten', schemaVersion: 1, schema: z.object({ text: z.string() }) },
  factKept,
  factAmended,
]);

const named: Upcaster = (data) => ({ body: (data as { text: string }).text });
const counted: Upcaster = (data) => ({ ...(data as { body: string }), length: (data as { body: string }).body.length });

export const laterNoteWritten: EventTypeDefinition = {
  type: 'NoteWritten',
  schemaVersion: 3,
  schema: z.object({ body: z.string(), length: z.number() }),
  upcasters: { 1: named, 2: counted },
};

export const typesOfLater = new EventTypes([laterNoteWritten, factKept, factAmended]);

/** A later program still, for which one fact of today is several: what was kept, and each amendment of it. */
export const typesThatSplit = new EventTypes([
  {
    type: 'FactKept',
    schemaVersion: 2,
    upcasters: {
      1: {
        into: { FactKept: 2, FactAmended: 1 },
        split(data) {
          const { n, amended = [] } = data as { n: number; amended?: readonly string[] };
          return [
            { type: 'FactKept', data: { kept: n } },
            ...amended.map((by) => ({ type: 'FactAmended', data: { by } })),
          ];
        },
      },
    },
  },
  { type: 'FactAmended', schemaVersion: 2, upcasters: { 1: (data) => ({ ...(data as object), isNew: true }) } },
  laterNoteWritten,
]);

/** The types of the suite, for those who read everything. */
export const allTypes: readonly string[] = ['NoteWritten', 'FactKept', 'FactAmended'];
