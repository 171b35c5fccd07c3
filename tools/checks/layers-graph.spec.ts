// Sees that the picture of the layers is the one the projects give today, and that nothing in it points upward.
import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arrows, draw, drawnArrows, picturePath, rowOf } from './layers-graph.ts';
import { projects, readText, root, type Project } from './workspace.ts';

describe('the picture of the layers', () => {
  const all = projects();

  it('is the one that `npm run graph` draws today', () => {
    expect(readText(picturePath)).toBe(draw(all));
  });

  it('has a row for every project', () => {
    expect(all.filter((project) => rowOf(project) < 0)).toEqual([]);
  });

  it('has no arrow upward or sideways, drawn or left out', () => {
    const notDown = arrows(all).filter(({ from, to }) => rowOf(from) >= rowOf(to));
    expect(notDown.map(({ from, to }) => `${from.name} -> ${to.name}`)).toEqual([]);
  });

  it('is what `npx nx graph` shows, too: no edge upward or sideways', () => {
    const folder = mkdtempSync(join(tmpdir(), 'nx-graph-'));
    const file = join(folder, 'graph.json');
    const env = { ...process.env, NX_DAEMON: 'false', NODE_OPTIONS: '' };
    const nx = spawnSync(join(root, 'node_modules/.bin/nx'), ['graph', `--file=${file}`], { cwd: root, env });
    expect([nx.status, String(nx.stderr)]).toEqual([0, expect.anything()]);
    const { graph } = JSON.parse(readFileSync(file, 'utf8')) as {
      graph: { dependencies: Record<string, { target: string }[]> };
    };
    rmSync(folder, { recursive: true });
    const named = new Map(all.map((project) => [project.name, project]));
    const edges = Object.entries(graph.dependencies).flatMap(([from, to]) =>
      to.map(({ target }) => ({ from: named.get(from), to: named.get(target) })),
    );
    const ours = edges.filter(({ from, to }) => from !== undefined && to !== undefined);
    expect(ours.length).toBeGreaterThanOrEqual(arrows(all).length);
    const notDown = ours.filter(({ from, to }) => rowOf(from!) >= rowOf(to!));
    expect(notDown.map(({ from, to }) => `${from!.name} -> ${to!.name}`)).toEqual([]);
  }, 60_000);

  it('shows every import as an arrow or as a chain of arrows', () => {
    const drawn = drawnArrows(all);
    const reaches = (from: Project, to: Project): boolean =>
      drawn.some((arrow) => arrow.from === from && (arrow.to === to || reaches(arrow.to, to)));
    expect(arrows(all).filter(({ from, to }) => !reaches(from, to))).toEqual([]);
  });

  it('keeps boxes and titles apart', () => {
    const svg = draw(all);
    const boxes = [...svg.matchAll(/<rect class="box" x="(\d+)" y="([\d.]+)" width="(\d+)"/g)].map(
      ([, x, y, width]) => ({ left: Number(x), right: Number(x) + Number(width), y: Number(y) }),
    );
    expect(boxes).toHaveLength(all.length);
    const titles = 140;
    for (const box of boxes) {
      expect(box.left).toBeGreaterThan(titles);
      const others = boxes.filter((other) => other !== box && other.y === box.y);
      expect(others.filter((other) => other.left < box.right && box.left < other.right)).toEqual([]);
    }
  });
});
