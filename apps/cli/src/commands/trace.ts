// gw trace: all that followed from one request, as a tree.
import type { Command } from 'commander';
import { allPages, CUT_NOTE } from '../pages.ts';
import { errorLine, type ToldError, type ToldEvent } from '../told-event.ts';
import { apiOf, outputOf, withApi, withLimit, type ApiOptions, type LimitOption } from './options.ts';

interface TracedCommand {
  readonly kind: 'command';
  readonly id: string;
  readonly type: string;
  readonly causationId: string | null;
  readonly actor: string;
  readonly acceptedAt: string;
  readonly status: string;
  readonly error: ToldError | null;
}

type Traced = TracedCommand | ({ readonly kind: 'event' } & ToldEvent);
type TreeNode = Traced & { readonly led: readonly TreeNode[] };

export function addTraceCommand(gw: Command): void {
  withLimit(withApi(gw.command('trace <correlation-id>')))
    .description('all that followed from one request, as a tree: commands, their events, and what these led to')
    .action(async (correlationId: string, options: ApiOptions & LimitOption) => {
      const path = `/v1/correlations/${encodeURIComponent(correlationId)}`;
      const query = { cursor: 'cursor', limit: options.limit };
      const { items, isCut } = await allPages<Traced>(await apiOf(options), path, query);
      const tree = treeOf(items);
      const drawn = tree.flatMap((root) => [lineOf(root), ...branches(root.led, '')]);
      outputOf(options).result({ correlationId, isCut, tree }, [...drawn, ...(isCut ? [CUT_NOTE] : [])].join('\n'));
    });
}

/** Every item once, under what caused it; what was caused from elsewhere, or by nothing, stands at the top. */
function treeOf(items: readonly Traced[]): readonly TreeNode[] {
  const known = new Set(items.map(({ id }) => id));
  const caused = Map.groupBy(items, ({ causationId }) =>
    causationId !== null && known.has(causationId) ? causationId : undefined,
  );
  const nodesUnder = (cause: string | undefined): readonly TreeNode[] =>
    (caused.get(cause) ?? []).map((item) => ({ ...item, led: nodesUnder(item.id) }));
  return nodesUnder(undefined);
}

/** One line for each node, what it led to beneath it. */
const branches = (nodes: readonly TreeNode[], indent: string): readonly string[] =>
  nodes.flatMap((node, at) => {
    const [branch, below] = at === nodes.length - 1 ? ['└─ ', '   '] : ['├─ ', '│  '];
    return [`${indent}${branch}${lineOf(node)}`, ...branches(node.led, `${indent}${below}`)];
  });

function lineOf(node: TreeNode): string {
  if (node.kind === 'event') {
    const { type, stream, streamVersion, position, recordedAt, actor } = node;
    return `${type}  ${stream} version ${streamVersion} (position ${position})  ${recordedAt}  by ${actor}`;
  }
  const { type, status, acceptedAt, actor, error } = node;
  return `${type}  ${status}  ${acceptedAt}  by ${actor}${error === null ? '' : `  ${errorLine(error)}`}`;
}
