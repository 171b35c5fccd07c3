// An event as its history shows it: what was stored, and what it is read as where that is something else.
import { describe, expect, it } from '@jest/globals';
import { newLoggedEvent } from '@groundwork/testing';
import { jsonTextOf } from '../exact-json.ts';
import { EventTypes } from '../events/event-types.ts';
import { eventBodyOf } from './event-body.ts';

const types = new EventTypes([
  {
    type: 'NoteTaken',
    schemaVersion: 3,
    upcasters: {
      1: (data) => data,
      2: {
        into: { NoteTaken: 3, NoteFiled: 1 },
        split(data) {
          const { text } = data as { text: string };
          if (text === '') return [];
          return [
            { type: 'NoteTaken', data: { text } },
            { type: 'NoteFiled', data: {} },
          ];
        },
      },
    },
  },
  { type: 'NoteFiled', schemaVersion: 1 },
]);

const noteOf = (schemaVersion: number, text = 'a') =>
  newLoggedEvent({ type: 'NoteTaken', schemaVersion, dataText: `{ "text": "${text}" }` }, types);

describe('the body of an event', () => {
  it('S0-07 shows what was stored, exactly, and beside it what is read today', () => {
    const shown = eventBodyOf(noteOf(1), true);
    expect(shown).toMatchObject({
      type: 'NoteTaken',
      schemaVersion: 1,
      readAs: [
        { type: 'NoteTaken', schemaVersion: 3, data: { text: 'a' } },
        { type: 'NoteFiled', schemaVersion: 1, data: {} },
      ],
    });
    expect(jsonTextOf(shown.data)).toBe('{ "text": "a" }');
  });

  it('says it once when nothing has changed', () => {
    expect(eventBodyOf(noteOf(3), true)).not.toHaveProperty('readAs');
  });

  it('keeps payloads from those who may not see them', () => {
    const { data, readAs } = eventBodyOf(noteOf(1), false);
    expect(data).toBeUndefined();
    expect(readAs).toEqual([
      { type: 'NoteTaken', schemaVersion: 3 },
      { type: 'NoteFiled', schemaVersion: 1 },
    ]);
  });

  it('still shows an event that cannot be read', () => {
    expect(eventBodyOf(noteOf(2, ''), true)).toMatchObject({ schemaVersion: 2, readAs: null });
  });
});
