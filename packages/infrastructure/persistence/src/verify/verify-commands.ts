// Every command once: whether its texts can be read, and whether the events that its result names exist.
import type { Inspection } from './verify-database.ts';

interface CommandRow {
  readonly acceptance: string;
  readonly tenant: string;
  readonly command_id: string;
  readonly payload: string;
  readonly result: string | null;
  readonly error: string | null;
}

const PAGE_SIZE = 500;

/** Returns how many commands there are. */
export async function verifyCommands(inspection: Inspection): Promise<number> {
  const { client, findings } = inspection;
  let [count, last] = [0, '0'];
  for (;;) {
    const { rows } = await client.query<CommandRow>(PAGE, [last, PAGE_SIZE]);
    if (rows.length === 0) return count;
    const named = rows.flatMap((command) => {
      const { payload, result, error } = command;
      const parsed = [payload, result, error].map(parsedOrUndefined);
      if (parsed.includes(undefined)) findings.add('command-unreadable', placeOf(command));
      const position = positionIn(parsed[1]);
      return position === undefined ? [] : [{ command, position }];
    });
    for (const { command, position } of await missing(inspection, named)) {
      findings.add('result-dangling', `${placeOf(command)}: position ${position}`);
    }
    [count, last] = [count + rows.length, rows.at(-1)!.acceptance];
  }
}

const PAGE = `
  select acceptance, tenant, command_id, payload, result, error
    from groundwork.command where acceptance > $1 order by acceptance limit $2`;

interface Named {
  readonly command: CommandRow;
  readonly position: string;
}

/** Those whose position holds no event of their tenant. */
async function missing({ client }: Inspection, named: readonly Named[]): Promise<readonly Named[]> {
  if (named.length === 0) return [];
  const { rows } = await client.query<{ n: string }>(
    `select n from unnest($1::bigint[], $2::text[]) with ordinality as named (position, tenant, n)
      where not exists (select from groundwork.event e where e.position = named.position and e.tenant = named.tenant)
        and not exists (select from groundwork.archived_stream a
                         where a.tenant = named.tenant and named.position between a.first_position and a.last_position)`,
    [named.map(({ position }) => position), named.map(({ command }) => command.tenant)],
  );
  return rows.map(({ n }) => named[Number(n) - 1]!);
}

function parsedOrUndefined(text: string | null): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
}

/** The position of the last event that a command has stored; a command may have stored none. */
function positionIn(result: unknown): string | undefined {
  const position = (result as { position?: unknown } | null | undefined)?.position;
  return typeof position === 'string' && /^[1-9]\d{0,17}$/.test(position) ? position : undefined;
}

const placeOf = ({ tenant, command_id: id }: CommandRow): string => `tenant ${tenant}, command ${id}`;
