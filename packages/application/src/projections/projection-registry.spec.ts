// Which projections a program may start with.
import { describe, expect, it } from '@jest/globals';
import { EventTypes } from '../events/event-types.ts';
import type { ReadModels } from '../ports/read-models.ts';
import type { Rebuild, Rebuilds } from '../ports/rebuilds.ts';
import { ProjectionRegistry } from './projection-registry.ts';
import type { Projection } from './projection.ts';

const types = new EventTypes([{ type: 'NoteTaken', schemaVersion: 1 }]);
const projection = (name: string): Projection => ({
  name,
  schemaVersion: 1,
  table: { schema: 'notes', name: 'note', columns: { id: 'text' }, key: 'id' },
  eventTypes: ['NoteTaken'],
  keyOf: ({ stream }) => stream.id,
  apply: (_, { stream }) => ({ id: stream.id }),
});

const registry = new ProjectionRegistry([projection('notes.list'), projection('notes.board')], types);
const without = (...names: readonly string[]): ReadModels => ({
  find: async () => undefined,
  withoutTable: async (asked) => asked.filter(({ name }) => names.includes(name)),
});
const rebuilding = (...open: readonly Pick<Rebuild, 'projection' | 'isShadow'>[]): Pick<Rebuilds, 'open'> => ({
  open: async () => open as readonly Rebuild[],
});

describe('ProjectionRegistry', () => {
  it('S1-14 names the projection whose table does not exist', async () => {
    const looked = registry.refuseMissingTables({ readModels: without('notes.board'), rebuilds: rebuilding() });
    await expect(looked).rejects.toMatchObject({
      code: 'projection.table-missing',
      details: { projection: 'notes.board' },
    });
    await registry.refuseMissingTables({ readModels: without(), rebuilds: rebuilding() });
  });

  it('lets a program start whose missing table is being made by a rebuild, not by one for comparison only', async () => {
    const readModels = without('notes.board');
    const board = { projection: 'notes.board', isShadow: false };
    await registry.refuseMissingTables({ readModels, rebuilds: rebuilding(board) });
    for (const other of [
      { ...board, isShadow: true },
      { ...board, projection: 'notes.list' },
    ]) {
      const looked = registry.refuseMissingTables({ readModels, rebuilds: rebuilding(other) });
      await expect(looked).rejects.toMatchObject({ code: 'projection.table-missing' });
    }
  });

  it('S1-14 refuses two projections of one name, and one that follows a type nobody declares', () => {
    const twice = [projection('notes.list'), projection('notes.list')];
    expect(() => new ProjectionRegistry(twice, types)).toThrow(
      expect.objectContaining({ code: 'projection.declared-twice' }),
    );
    const lost = { ...projection('notes.lost'), eventTypes: ['NoteTaken', 'NoteLost'] };
    expect(() => new ProjectionRegistry([lost], types)).toThrow(
      expect.objectContaining({
        code: 'projection.unknown-event-type',
        details: { projection: 'notes.lost', eventType: 'NoteLost' },
      }),
    );
  });
});
