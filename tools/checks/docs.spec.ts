// Sees that the documents hold: links resolve, lists are complete, and proofs that are named exist.
import { describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { files, readText, root } from './workspace.ts';

const pages = files().filter((path) => path.endsWith('.md'));

/** The pieces of the tree that the seed of the clients system shows. */
const SEED_TREE = [
  ...['database/base.py', 'database/session.py', 'database/models/event.py', 'database/models/client.py'],
  ...['database/alembic/env.py', 'database/alembic/alembic.ini', 'database/alembic/script.py.mako'],
  ...['database/alembic/versions/0001_initial.py', 'event_store.py', 'read_model.py', 'messaging.py', 'factory.py'],
  'README.md',
];

describe('the documents', () => {
  it('have links that lead somewhere', () => {
    const broken = pages.flatMap((page) =>
      linksOf(page)
        .filter((link) => !leadsSomewhere(page, link))
        .map((link) => `${page}: ${link}`),
    );
    expect(broken).toEqual([]);
  });

  it('list every decision, and number them without gaps', () => {
    const decisions = files('docs/adr', '.md').filter((path) => /\/\d{4}-/.test(path));
    const numbers = decisions.map((path) => Number(/\/(\d{4})-/.exec(path)![1]));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    for (const path of decisions) {
      const title = /^# (.*)$/m.exec(readText(path))![1]!;
      expect(readText('docs/adr/README.md')).toContain(`- [${title}](${path.slice('docs/adr/'.length)})`);
    }
  });

  it('give decisions a status, a context, a decision and its consequences', () => {
    for (const path of files('docs/adr', '.md').filter((page) => /\/\d{4}-/.test(page))) {
      expect(readText(path)).toMatch(/^Status: .*## Context\n.*## Decision\n.*## Consequences\n/ms);
    }
  });

  it('name for every guarantee a test that exists', () => {
    const rows = readText('docs/reference/guarantees.md')
      .split('\n')
      .filter((line) => /^\| \d/.test(line));
    expect(rows.length).toBeGreaterThan(0);
    const unproven = rows.filter((row) => !provesOf(row).some(({ path, name }) => holds(path, name)));
    expect(unproven).toEqual([]);
    const missing = rows.flatMap(provesOf).filter(({ path, name }) => !holds(path, name));
    expect(missing).toEqual([]);
  });

  it("S0-02 map every piece of the seed's tree to a file that exists", () => {
    const map = readText('docs/reference/seed-map.md');
    const rows = map.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.map((row) => /^\| `([^`]+)`/.exec(row)![1])).toEqual(SEED_TREE);
    expect(rows.filter((row) => !/\]\([^)]+\)/.test(row))).toEqual([]);
    expect(
      linksOf('docs/reference/seed-map.md').filter((link) => !leadsSomewhere('docs/reference/seed-map.md', link)),
    ).toEqual([]);
  });
});

/** The targets of a page's links and pictures, without those to other hosts. */
function linksOf(page: string): readonly string[] {
  const text = readText(page).replaceAll(/```.*?```/gs, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!).filter((link) => !/^[a-z]+:/.test(link));
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path, anchor] = link.split('#') as [string, string?];
  const target = path === '' ? page : join(dirname(page), decodeURI(path));
  if (!existsSync(join(root, target))) return false;
  return anchor === undefined || !target.endsWith('.md') || anchorsOf(target).includes(anchor);
}

const anchorsOf = (page: string): readonly string[] =>
  [...readText(page).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  );

/** `[name](path)` pairs of a row of the guarantees: the name of a test, and the file it stands in. */
const provesOf = (row: string): readonly { name: string; path: string }[] =>
  [...row.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(([, name, link]) => ({
    name: name!,
    path: join('docs/reference', link!),
  }));

const holds = (path: string, name: string): boolean => existsSync(join(root, path)) && readText(path).includes(name);
