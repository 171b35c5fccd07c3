// How results look: aligned tables for people, JSON for programs.

export interface Output {
  /** The result of the command: `forPeople` as text, or `data` as JSON when `--json` was given. */
  result(data: unknown, forPeople: string): void;
  /** Something a person should know while they wait; never part of the result. */
  note(line: string): void;
}

export function terminalOutput(json: boolean): Output {
  return {
    result: (data, forPeople) => {
      process.stdout.write(`${json ? JSON.stringify(data, null, 2) : forPeople}\n`);
    },
    note: (line) => {
      process.stderr.write(`${line}\n`);
    },
  };
}

/** Rows under headings, in columns as wide as their widest cell; numbers to the right, to a tenth. */
export function table<Row>(rows: readonly Row[], columns: Readonly<Record<string, (row: Row) => unknown>>): string {
  const headings = Object.keys(columns);
  const values = rows.map((row) => headings.map((heading) => columns[heading]!(row)));
  const cells = values.map((row) => row.map(cellText));
  const widths = headings.map((heading, at) => Math.max(heading.length, ...cells.map((row) => row[at]!.length)));
  const isNumeric = headings.map((_, at) => values.length > 0 && values.every((row) => typeof row[at] === 'number'));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => (isNumeric[at] ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd();
  return [line(headings), ...cells.map(line)].join('\n');
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'number') return String(Math.round(value * 10) / 10);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** How far long work is: `done` of `total`, the rate of this second and, from it, how long the rest takes. */
export function progressLine({ done, total, rate }: { done: number; total: number; rate: number }): string {
  const share = total === 0 ? 100 : Math.floor((done / total) * 100);
  const left = rate > 0 ? `, ${Math.ceil((total - done) / rate)} s left` : '';
  return `${done} of ${total} (${share} %), ${Math.round(rate)} a second${left}`;
}
