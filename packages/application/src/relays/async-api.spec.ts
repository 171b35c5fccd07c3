// The AsyncAPI document: complete, and pointing at nothing that it does not hold.
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { asyncApiDocument } from './async-api.ts';
import type { Publication } from './publication.ts';

const doors: Publication = {
  name: 'buildings.doors',
  eventTypes: ['DoorOpened'],
  messages: [
    { type: 'DoorOpened', schemaVersion: 2, summary: 'A door was opened.', data: z.object({ room: z.string() }) },
    { type: 'DoorClosed', schemaVersion: 1, summary: 'A door was closed.', data: z.object({}) },
  ],
  announce: () => [],
};

interface Document {
  readonly channels: Readonly<Record<string, { address: string; messages: Record<string, { $ref: string }> }>>;
  readonly operations: Readonly<Record<string, { channel: { $ref: string }; messages: { $ref: string }[] }>>;
  readonly components: {
    readonly messages: Readonly<Record<string, { name: string; payload: { $ref: string } }>>;
    readonly schemas: Readonly<Record<string, { properties: Record<string, object>; required: string[] }>>;
  };
}

describe('The AsyncAPI document', () => {
  const document = asyncApiDocument([doors], '1.2.3') as unknown as Document;
  const resolved = (ref: string): unknown =>
    ref
      .slice(2)
      .split('/')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);

  it('has a channel for every topic, and a schema for every message', () => {
    expect(document).toMatchObject({ asyncapi: '3.0.0', info: { version: '1.2.3' } });
    expect(Object.keys(document.channels)).toEqual(['buildings.door-opened', 'buildings.door-closed']);
    expect(document.components.messages['buildings.DoorOpened']!.name).toBe('groundwork.buildings.door-opened.v2');
    const { properties, required } = document.components.schemas['buildings.DoorOpened']!;
    expect(properties).toMatchObject({
      type: { const: 'groundwork.buildings.door-opened.v2' },
      data: { type: 'object', properties: { room: { type: 'string' } }, required: ['room'] },
    });
    expect(required).toEqual(expect.arrayContaining(['specversion', 'id', 'source', 'type', 'sequence', 'data']));
    expect(document.components.schemas['buildings.DoorOpened.detail']!.properties).toMatchObject({
      event_type: { const: 'DoorOpened' },
      version: { const: 2 },
    });
  });

  it('names nothing that it does not hold', () => {
    const refs = JSON.stringify(document).match(/(?<="\$ref":")[^"]+/g)!;
    expect(refs.length).toBeGreaterThan(5);
    for (const ref of refs) expect([ref, resolved(ref)]).toEqual([ref, expect.any(Object)]);
  });
});
