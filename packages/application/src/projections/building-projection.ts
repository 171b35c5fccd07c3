// The projection that builds a read model anew, beside the live one and never ahead of it.
import type { EventLog } from '../ports/event-log.ts';
import type { ProjectionStore } from '../ports/projection-store.ts';
import type { Rebuild } from '../ports/rebuilds.ts';
import type { Projection } from './projection.ts';

/** Stands between the name of a projection and the number of its rebuild. */
export const REBUILD_MARK = '~';

/** As the build is called among projections: `clients.client-list~3`. */
export const buildName = ({ projection, number }: Pick<Rebuild, 'projection' | 'number'>): string =>
  `${projection}${REBUILD_MARK}${number}`;

/** The schema in which a rebuild keeps the table that is not read. */
export const rebuildSchema = ({ id }: Pick<Rebuild, 'id'>): string => `groundwork_rebuild_${id}`;

/** The name that a projection has when it is live. */
export const liveName = (name: string): string => name.split(REBUILD_MARK, 1)[0]!;

/** The same projection into the table of the rebuild. A shadow run leaves nothing behind, so no commands follow. */
export function buildingProjection(projection: Projection, rebuild: Rebuild): Projection {
  const { followUps, ...rest } = projection;
  return {
    ...rest,
    name: buildName(rebuild),
    table: { ...projection.table, schema: rebuildSchema(rebuild) },
    ...(followUps === undefined || rebuild.isShadow ? {} : { followUps }),
  };
}

/** The log, to be read slice by slice, as far as each has come; all of it where the slice stands on another log. */
export const logBehind = (live: string, { log, store }: { log: EventLog; store: ProjectionStore }): EventLog => ({
  head: () => log.head(),
  readStreamRange: (...range) => log.readStreamRange(...range),
  async read(read) {
    const [progress] = await store.progress(live);
    const slice = progress?.slices.find((one) => one.slice === read.slices?.of[0]);
    if (slice?.isAheadOfLog === true) return log.read(read);
    const end = slice?.position ?? 0n;
    if (read.after >= end) return { events: [], readTo: read.after, isLast: true };
    const page = await log.read(read);
    if (page.readTo <= end) return page;
    return { events: page.events.filter(({ position }) => position <= end), readTo: end, isLast: true };
  },
});
