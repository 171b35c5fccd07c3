// What the checks know about the repository: where it is, its projects, and its files.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', 'test-output', '.git', '.nx', '.groundwork']);

export interface Project {
  readonly name: string;
  /** Relative to the root: `packages/domain`. */
  readonly folder: string;
  readonly layer: string;
  /** The workspace's own packages that its package.json names. */
  readonly dependencies: readonly string[];
}

/** Every project of the workspace, by folder. */
export function projects(): readonly Project[] {
  const { workspaces } = readJson<{ workspaces: string[] }>('package.json');
  return workspaces
    .flatMap((pattern) => (pattern.endsWith('/*') ? subfolders(pattern.slice(0, -2)) : [pattern]))
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .sort()
    .map((folder) => {
      const manifest = readJson<{ name: string; nx: { tags: string[] }; dependencies?: Record<string, string> }>(
        `${folder}/package.json`,
      );
      return {
        name: manifest.name,
        folder,
        layer: manifest.nx.tags.find((tag) => tag.startsWith('layer:'))!.slice('layer:'.length),
        dependencies: Object.keys(manifest.dependencies ?? {})
          .filter((name) => name.startsWith('@groundwork/'))
          .sort(),
      };
    });
}

/** All files that belong to the repository, as paths from the root, in a fixed order. */
export function files(folder = '', ending = ''): readonly string[] {
  const below = readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (NOT_OURS.has(entry.name)) return [];
    return entry.isDirectory() ? files(path, ending) : [path];
  });
  return below.filter((path) => path.endsWith(ending)).sort();
}

const SERVES_TESTS = /\.spec\.ts$|-under-test\.ts$|^packages\/testing\//;

/** The TypeScript sources of packages and apps, without tests and what serves them. */
export const sources = (): readonly string[] =>
  [...files('packages', '.ts'), ...files('apps', '.ts')].filter((path) => !SERVES_TESTS.test(path));

export const readText = (path: string): string => readFileSync(join(root, path), 'utf8');
export const readJson = <T>(path: string): T => JSON.parse(readText(path)) as T;

const subfolders = (folder: string): string[] =>
  existsSync(join(root, folder)) ? readdirSync(join(root, folder)).map((name) => `${folder}/${name}`) : [];
