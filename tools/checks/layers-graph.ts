// Draws the projects in their layers with the imports between them: `npm run graph`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projects, root, type Project } from './workspace.ts';

export const picturePath = 'docs/architecture/layers.svg';

/** From top to bottom: a project may import what stands below it. `testing` stands beside, above what it may see. */
export const rows = [
  { title: 'apps', layers: ['app'] },
  { title: 'contexts', layers: ['context'] },
  { title: 'configuration', layers: ['configuration'] },
  { title: 'infrastructure', layers: ['infrastructure', 'testing'] },
  { title: 'application', layers: ['application'] },
  { title: 'domain', layers: ['domain'] },
] as const;

const TITLE_WIDTH = 150;
const BOX_HEIGHT = 40;
const ROW_HEIGHT = 104;
const GAP = 28;
const LANE_WIDTH = 12;
const MARGIN = 24;

export interface Arrow {
  readonly from: Project;
  readonly to: Project;
}

/** A place in a row: a project's box, or the lane in which arrows to `project` pass through the row. */
interface Place {
  readonly project: Project;
  readonly row: number;
  readonly isLane: boolean;
  readonly width: number;
  x: number;
}

/** The row of a project, counted from the top. */
export const rowOf = (project: Project): number =>
  rows.findIndex(({ layers }) => (layers as readonly string[]).includes(project.layer));

/** Every import between projects that their package.json files declare. */
export function arrows(all: readonly Project[]): readonly Arrow[] {
  return all.flatMap((from) =>
    from.dependencies.map((name) => ({ from, to: all.find((project) => project.name === name)! })),
  );
}

/** The arrows that do not follow from others: with a → b → c, a → c is left out. */
export function drawnArrows(all: readonly Project[]): readonly Arrow[] {
  const every = arrows(all);
  const reaches = (from: Project, to: Project): boolean =>
    every.some((arrow) => arrow.from === from && (arrow.to === to || reaches(arrow.to, to)));
  return every.filter(
    ({ from, to }) => !every.some((other) => other.from === from && other.to !== to && reaches(other.to, to)),
  );
}

/** The picture as SVG text; the same projects always give the same text. */
export function draw(all: readonly Project[]): string {
  const drawn = drawnArrows(all);
  const places = placeAll(all, drawn);
  const width = Math.max(...places.map((place) => place.x + place.width)) + MARGIN;
  const height = rows.length * ROW_HEIGHT + 2 * MARGIN + 16;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="The layers of Groundwork">`,
    style,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>',
    `<rect class="page" width="${width}" height="${height}" rx="12"/>`,
    ...rows.map(({ title }, row) => band(title, row, width)),
    ...drawn.map((arrow) => path(arrow, places)),
    ...places.filter((place) => !place.isLane).map(box),
    `<text class="note" x="${MARGIN}" y="${height - 14}">An arrow means “imports”. Arrows that follow from others are left out.</text>`,
    '</svg>',
    '',
  ].join('\n');
}

function placeAll(all: readonly Project[], drawn: readonly Arrow[]): readonly Place[] {
  const places = all.map((project) => newPlace(project, rowOf(project), false));
  for (const { from, to } of drawn) {
    for (let row = rowOf(from) + 1; row < rowOf(to); row++) {
      if (!places.some((place) => place.project === to && place.row === row)) places.push(newPlace(to, row, true));
    }
  }
  const inRows = rows.map((_, row) => places.filter((place) => place.row === row));
  const rowWidths = inRows.map((row) => row.reduce((sum, place) => sum + place.width + GAP, -GAP));
  const middle = TITLE_WIDTH + Math.max(...rowWidths) / 2;
  for (const row of inRows) spread(row, middle);
  // Each row is ordered by where its arrows come from and go to, down and up again, until it rests.
  for (let sweep = 0; sweep < 8; sweep++) {
    for (const row of sweep % 2 === 0 ? inRows : inRows.toReversed()) {
      const pull = new Map(row.map((place) => [place, pullOn(place, places, drawn)]));
      row.sort(
        (a, b) =>
          beside(a) - beside(b) || pull.get(a)! - pull.get(b)! || (a.project.folder < b.project.folder ? -1 : 1),
      );
      spread(row, middle);
    }
  }
  return places;
}

function newPlace(project: Project, row: number, isLane: boolean): Place {
  return { project, row, isLane, width: isLane ? LANE_WIDTH : Math.round(label(project).length * 8.2) + 36, x: 0 };
}

/** Puts the places of a row side by side around the middle. */
function spread(row: readonly Place[], middle: number): void {
  let x = Math.round(middle - row.reduce((sum, place) => sum + place.width + GAP, -GAP) / 2);
  for (const place of row) {
    place.x = x;
    x += place.width + GAP;
  }
}

/** The mean position of a place's neighbours in the rows above and below it. */
function pullOn(place: Place, places: readonly Place[], drawn: readonly Arrow[]): number {
  const neighbours = drawn.flatMap((arrow) => {
    const stops = stopsOf(arrow, places);
    const at = stops.indexOf(place);
    return at < 0 ? [] : [stops[at - 1], stops[at + 1]].filter((stop) => stop !== undefined);
  });
  if (neighbours.length === 0) return centre(place);
  return neighbours.reduce((sum, neighbour) => sum + centre(neighbour), 0) / neighbours.length;
}

/** The places an arrow touches on its way down, its two boxes included. */
function stopsOf({ from, to }: Arrow, places: readonly Place[]): readonly Place[] {
  const box = places.find((place) => place.project === from && !place.isLane)!;
  const lanes = places.filter((place) => place.project === to && place.row > box.row);
  return [box, ...lanes.toSorted((a, b) => a.row - b.row)];
}

/** 1 for what stands beside the layers, at the end of its row. */
const beside = (place: Place): number => (place.project.layer === 'testing' ? 1 : 0);

const label = (project: Project): string => project.name.replace('@groundwork/', '');
const centre = (place: Place): number => place.x + place.width / 2;
const top = (row: number): number => MARGIN + row * ROW_HEIGHT + (ROW_HEIGHT - BOX_HEIGHT) / 2;

function band(title: string, row: number, width: number): string {
  const y = MARGIN + row * ROW_HEIGHT;
  return [
    `<rect class="band" x="${MARGIN / 2}" y="${y + 6}" width="${width - MARGIN}" height="${ROW_HEIGHT - 12}" rx="8"/>`,
    `<text class="title" x="${MARGIN}" y="${y + ROW_HEIGHT / 2 + 5}">${title}</text>`,
  ].join('\n');
}

function box(place: Place): string {
  return [
    `<g class="${place.project.layer}"><rect class="box" x="${place.x}" y="${top(place.row)}" width="${place.width}" height="${BOX_HEIGHT}" rx="8"/>`,
    `<text class="name" x="${centre(place)}" y="${top(place.row) + BOX_HEIGHT / 2 + 5}">${label(place.project)}</text></g>`,
  ].join('');
}

/** Down from a box, straight through the lanes, to the top of the other box. */
function path(arrow: Arrow, places: readonly Place[]): string {
  const [start, ...rest] = stopsOf(arrow, places) as [Place, ...Place[]];
  let x = centre(start);
  let y = top(start.row) + BOX_HEIGHT;
  let d = `M${x} ${y}`;
  for (const stop of rest) {
    const end = top(stop.row) - (stop.isLane ? 0 : 2);
    const half = (y + end) / 2;
    d += `C${x} ${half} ${centre(stop)} ${half} ${centre(stop)} ${end}`;
    x = centre(stop);
    y = top(stop.row) + BOX_HEIGHT;
    if (stop.isLane) d += `V${y}`;
  }
  return `<path class="arrow" data-from="${arrow.from.name}" data-to="${arrow.to.name}" d="${d}" marker-end="url(#tip)"/>`;
}

const style = `<style>
  svg { color-scheme: light dark; font: 15px ui-sans-serif, system-ui, "Segoe UI", "DejaVu Sans", sans-serif }
  .page { fill: #fff } .band { fill: #f3f5f8 } .title { fill: #5b6675; font-size: 14px } .note { fill: #5b6675; font-size: 12px }
  .box { fill: #fff; stroke: #56708f; stroke-width: 1.5 } .name { fill: #16202c; text-anchor: middle; font-weight: 600 }
  .arrow { fill: none; stroke: #7d8da1; stroke-width: 1.5 } .tip { fill: #7d8da1 }
  .domain .box { fill: #e7f4ec; stroke: #2e8555 } .context .box { fill: #fdf1dd; stroke: #b7791f }
  .testing .box { stroke-dasharray: 5 4 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #12181f } .band { fill: #1a222c } .title, .note { fill: #9aa8b8 }
    .box { fill: #212c38; stroke: #7f9cbd } .name { fill: #e8eef5 } .arrow { stroke: #72859a } .tip { fill: #72859a }
    .domain .box { fill: #183526; stroke: #58b886 } .context .box { fill: #3a2d16; stroke: #d9a548 }
  }
</style>`;

if (import.meta.main) {
  const target = join(root, picturePath);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, draw(projects()));
  console.log(`${picturePath} is drawn.`);
}
