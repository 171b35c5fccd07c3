// Every package, app and tool with tests, each a project of its own name.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import preset from './jest.preset.js';

const root = import.meta.dirname;
const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const foldersOf = (pattern) =>
  pattern.endsWith('/*')
    ? readdirSync(join(root, pattern.slice(0, -2))).map((name) => join(pattern.slice(0, -2), name))
    : [pattern];

const packages = workspaces
  .flatMap(foldersOf)
  .filter((folder) => existsSync(join(root, folder, 'package.json')))
  .map((folder) => ({ ...preset, displayName: folder.split('/').at(-1), rootDir: join(root, folder) }));

const tools = ['bench', 'checks', 'test', 'e2e']
  .map((name) => ({ name, rootDir: join(root, 'tools', name) }))
  .filter(({ rootDir }) => existsSync(rootDir))
  .map(({ name, rootDir }) => ({ ...preset, displayName: name, rootDir, testMatch: ['<rootDir>/**/*.spec.ts'] }));

// Inside a project jest does not look at testTimeout.
export default { testTimeout: 30_000, projects: [...packages, ...tools] };
