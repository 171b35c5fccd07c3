// The rebuild of one stream in a read model: asked for by an operator of its tenant, done by a worker as a command.
import { streamName } from '@groundwork/domain';
import { z } from 'zod';
import type { CommandHandler } from '../commands/command-handler.ts';
import type { Commands } from '../commands/submit-command.ts';
import type { Projection } from '../projections/projection.ts';
import { rebuildStream, refuseUntoldStreams, type StreamRebuildPorts } from '../projections/rebuild-stream.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { streamNamed } from './page.ts';
import { OPERATE } from './platform-roles.ts';
import { projectionNamed } from './projection-endpoints.ts';

const REBUILD_STREAM = 'platform.rebuild-stream';

const payload = z.strictObject({ projection: z.string(), stream: z.string() });

/** For the worker: the api may neither read the log as projections do nor write their rows. */
export const rebuildStreamHandler = (
  projections: readonly Projection[],
  ports: StreamRebuildPorts,
  handlerTimeoutMs?: number,
): CommandHandler<z.infer<typeof payload>> => {
  const inTurn = { ...ports, store: holdingOneAtATime(ports.store) };
  return {
    type: REBUILD_STREAM,
    permission: OPERATE,
    schema: payload,
    async handle({ projection, stream }, { tenant }) {
      const key = { tenant, ...streamNamed(stream, '/stream') };
      const named = projectionNamed(projections, projection);
      const { upTo, ...rebuilt } = await rebuildStream(named, key, inTurn, handlerTimeoutMs);
      return { upTo: String(upTo), ...rebuilt };
    },
  };
};

/** Whoever holds a slice reads the log on a second connection: those of many tenants would wait for each other's. */
function holdingOneAtATime(store: StreamRebuildPorts['store']): StreamRebuildPorts['store'] {
  let last: Promise<unknown> = Promise.resolve();
  return {
    progress: (projection) => store.progress(projection),
    holdSlice: (projection, stream, work) => {
      const held = last.then(() => store.holdSlice(projection, stream, work));
      last = held.catch(() => undefined);
      return held;
    },
  };
}

const accepted = z.object({
  id: z.uuid(),
  status: z.string(),
  links: z.object({ command: z.string().describe('Ask here what became of it.') }),
});

export const postStreamRebuild = (commands: Commands, projections: readonly Projection[]): Endpoint =>
  endpoint({
    method: 'POST',
    path: '/v1/projections/:name/rebuild-stream',
    summary: "Computes the rows of one of the tenant's streams again from its events, and replaces them at once",
    permission: OPERATE,
    params: z.object({ name: z.string().max(200) }),
    query: z.strictObject({ stream: z.string().max(300).describe('type/id') }),
    responses: {
      202: {
        description: 'A worker will do it; Location names the command that tells what became of it',
        schema: accepted,
      },
      404: { description: 'No such projection' },
      409: { description: 'Nobody knows which rows the stream feeds' },
    },
    async handle({ params: { name }, query, tenant, actor, correlationId, requestId, idempotencyKey }) {
      const stream = streamNamed(query.stream, '/query/stream');
      refuseUntoldStreams(projectionNamed(projections, name));
      const { command, repeated } = await commands.accept({
        type: REBUILD_STREAM,
        payload: { projection: name, stream: streamName(stream) },
        tenant,
        actor,
        correlationId,
        requestId,
        idempotencyKey,
        orderKeys: [`${REBUILD_STREAM}/${name}`],
      });
      const location = `/v1/commands/${command.id}`;
      const body = { id: command.id, status: command.status, links: { command: location } };
      return { status: 202, body, location, repeated };
    },
  });
