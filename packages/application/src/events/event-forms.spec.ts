// What may be stored, and what a stored event says: without a store.
import { describe, expect, it } from '@jest/globals';
import { newEvent } from '@groundwork/testing';
import { z } from 'zod';
import { ExactJson } from '../exact-json.ts';
import { prepareEvents } from './event-forms.ts';
import { EventTypes } from './event-types.ts';

const types = new EventTypes([
  {
    type: 'NoteWritten',
    schemaVersion: 2,
    schema: z.object({ tags: z.array(z.string().min(1)) }),
    upcasters: { 1: (data) => data },
  },
  { type: 'FactKept', schemaVersion: 1 },
]);

describe('prepareEvents', () => {
  it('gives the texts that go into the log, under the schema version of today', () => {
    const event = newEvent(
      'NoteWritten',
      { tags: ['a'] },
      { validation: { rules: [{ rule: 'r', outcome: 'passed' }] } },
    );
    expect(prepareEvents([event], types)).toEqual([
      {
        event,
        schemaVersion: 2,
        dataText: '{"tags":["a"]}',
        metadataText: '{"actor":"tester","correlationId":"correlation-1"}',
        validationText: '{"rules":[{"rule":"r","outcome":"passed"}]}',
      },
    ]);
  });

  it('points at what violates the schema', () => {
    const wrong = (): unknown => prepareEvents([newEvent('NoteWritten', { tags: ['a', ''] })], types);
    expect(wrong).toThrow(
      expect.objectContaining({
        code: 'event-store.schema-violated',
        issues: [{ pointer: '/tags/1', message: expect.any(String) }],
      }),
    );
  });

  it('checks exact text against the schema, too', () => {
    const wrong = (): unknown => prepareEvents([newEvent('NoteWritten', new ExactJson('{"tags":[7]}'))], types);
    expect(wrong).toThrow(expect.objectContaining({ code: 'event-store.schema-violated' }));
  });

  it('takes 1 to 4,096 events', () => {
    const events = Array.from({ length: 4097 }, () => newEvent('FactKept', {}));
    expect(prepareEvents(events.slice(1), types)).toHaveLength(4096);
    for (const wrong of [[], events]) {
      expect(() => prepareEvents(wrong, types)).toThrow(expect.objectContaining({ code: 'event-store.batch-size' }));
    }
  });

  it('keeps null and numbers that JSON can write', () => {
    const [prepared] = prepareEvents([newEvent('FactKept', { a: null, b: [1.5, -2e-7], c: 'null' })], types);
    expect(prepared!.dataText).toBe('{"a":null,"b":[1.5,-2e-7],"c":"null"}');
  });
});
