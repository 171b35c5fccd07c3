// Plants every forbidden import and impurity in a small workspace and sees the lint rules refuse it, and nothing else.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { projects, readJson, root } from './workspace.ts';

const boundary = '@nx/enforce-module-boundaries';
const imports = 'no-restricted-imports';
const syntax = 'no-restricted-syntax';
const globals = 'no-restricted-globals';
const none = 'no rule';

const model = 'packages/contexts/clients/src/model';
const feature = 'packages/contexts/clients/src/features/search';
const adapter = 'packages/contexts/clients/src/adapters';
const infrastructure = 'packages/infrastructure/security/src';

/** What is planted in which folder, the rule that must refuse it, and the file's name where it matters. */
type Plant = readonly [name: string, folder: string, text: string, rule: string, file?: string];

const refused = planted([
  ['S1-57 the domain imports typeorm', 'packages/domain/src', using('typeorm'), boundary],
  ['the domain imports node:crypto', 'packages/domain/src', using('node:crypto'), imports],
  ['the domain imports node:crypto late', 'packages/domain/src', importingLate('node:crypto'), syntax],
  ['the domain throws dice', 'packages/domain/src', 'export const dice = Math.random();', syntax],
  ['S0-01 the domain imports infrastructure', 'packages/domain/src', using('@groundwork/persistence'), boundary],
  ['S0-01 the application imports infrastructure', 'packages/application/src', using('@groundwork/security'), boundary],
  ['the application imports a driver', 'packages/application/src', using('pg'), boundary],
  ['the application imports node:fs', 'packages/application/src', using('node:fs'), imports],
  ['an infrastructure package imports another', infrastructure, using('@groundwork/persistence'), boundary],
  ['infrastructure imports a context', infrastructure, using('@groundwork/clients'), boundary],
  ['a context imports another', 'packages/contexts/sites/src/features', using('@groundwork/clients'), boundary],
  ['a feature imports persistence', feature, using('@groundwork/persistence'), boundary],
  ['an adapter imports monitoring', adapter, using('@groundwork/monitoring'), boundary],
  ['a model imports an adapter', model, using('../adapters/client-list.ts'), imports],
  ['a model imports an adapter late', model, importingLate('../adapters/client-list.ts'), syntax],
  ['a model imports a feature', model, using('../features/search/search.ts'), imports],
  ['a model imports the application', model, using('@groundwork/application'), imports],
  ['a model imports node:crypto', model, using('node:crypto'), imports],
  ['S1-57 a model writes SQL', model, using('pg'), imports],
  ['S1-57 a model speaks HTTP', model, "export const answer = fetch('http://salesforce.example');", globals],
  ['S1-57 a model writes a log', model, "console.log('created');", globals],
  ['S1-57 a model asks the clock', model, 'export const now = new Date();', syntax],
  ['a model asks Date.now', model, 'export const now = Date.now();', syntax],
  ['a model asks the clock by another name', model, 'const D = Date;\nexport const now = new D();', syntax],
  ['a model hands the clock on', model, 'export const clock = { D: Date };', syntax],
  ['a model measures time', model, 'export const now = performance.now();', globals],
  ['a feature imports an adapter', feature, using('../../adapters/client-list.ts'), imports],
  ['a feature sees the container', feature, using('inversify'), imports],
  ['an app sees the container outside its main', 'apps/api/src', using('inversify'), imports],
  ['an app imports infrastructure', 'apps/api/src', using('@groundwork/persistence'), boundary],
  ['a package is reached by a path', 'apps/api/src', using('../../../packages/domain/src/refusal.ts'), boundary],
  ['code imports the testing package', infrastructure, using('@groundwork/testing'), boundary],
  ['all of a file is exported at once', infrastructure, "export * from './audit.ts';", syntax],
  ['an export has no name', infrastructure, 'export default 1;', syntax],
  ['an enum', infrastructure, 'export enum Colour { Red }', syntax],
  ['a function of 71 lines', infrastructure, functionOfLines(71), 'max-lines-per-function'],
]);

/** The same kinds of code where they belong. */
const allowed = planted([
  ['the domain imports itself', 'packages/domain/src', using('./refusal.ts'), none],
  ['the application imports domain and schemas', 'packages/application/src', using('@groundwork/domain', 'zod'), none],
  [
    'infrastructure imports its technology',
    infrastructure,
    using('@groundwork/application', 'jose', 'node:crypto'),
    none,
  ],
  ['a model imports the domain and its own files', model, using('@groundwork/domain', './client.ts'), none],
  ['a model reads a time', model, 'export const day = (iso: string): Date => new Date(Date.parse(iso));', none],
  ['a model is given the time', model, 'export const day = (timeMs: number) => new Date(timeMs);', none],
  ['a feature imports application and model', feature, using('@groundwork/application', '../../model/client.ts'), none],
  ['an adapter imports persistence', adapter, using('@groundwork/persistence'), none],
  ['a module sees the container', 'packages/contexts/clients/src', using('inversify'), none, 'clients.module.ts'],
  ['a test imports the testing package', 'packages/domain/src', using('@groundwork/testing'), none, 'some.spec.ts'],
  [
    'an app imports configuration and contexts',
    'apps/api/src',
    using('@groundwork/configuration', '@groundwork/clients'),
    none,
  ],
  ['a function of 70 lines', infrastructure, functionOfLines(70), none],
]);

describe('the boundaries', () => {
  let workspace: string;
  let refusals: Readonly<Record<string, readonly string[]>>;

  beforeAll(() => {
    workspace = makeWorkspace();
    refusals = lint(workspace, Object.fromEntries([...refused, ...allowed].map(({ path, text }) => [path, text])));
  }, 120_000);

  afterAll(() => rmSync(workspace, { recursive: true, force: true }));

  it.each(refused)('$name: refused', ({ path, rule }) => {
    expect(refusals[path]).toContain(rule);
  });

  it.each(allowed)('$name: allowed', ({ path }) => {
    expect(refusals[path]).toEqual([]);
  });
});

function planted(plants: readonly Plant[]) {
  return plants.map(([name, folder, text, rule, file = `${name.replaceAll(/\W+/g, '-')}.ts`]) => {
    return { name, path: `${folder}/${file}`, text: `${text}\n`, rule };
  });
}

/** Imports and uses the modules, so that no other rule blurs the picture. */
function using(...modules: readonly string[]): string {
  const lines = modules.map((name, index) => `import * as m${index} from '${name}';`);
  return [...lines, `export const used = [${modules.map((_, index) => `m${index}`).join(', ')}];`].join('\n');
}

function importingLate(module: string): string {
  return `export const late = () => import('${module}');`;
}

function functionOfLines(lines: number): string {
  return [
    'export function long(x: number): number {',
    ...Array<string>(lines - 3).fill('  x += 1;'),
    '  return x;',
    '}',
  ].join('\n');
}

/** The projects of this repository as empty shells, one context more, and the repository's own lint rules. */
function makeWorkspace(): string {
  const workspace = mkdtempSync(join(tmpdir(), 'groundwork-boundaries-'));
  const kept = ['package.json', 'package-lock.json', 'nx.json', 'tsconfig.base.json', 'eslint.config.mjs'];
  for (const file of [...kept, ...projects().map((project) => `${project.folder}/package.json`)]) {
    cpSync(join(root, file), join(workspace, file));
  }
  const clients = readJson<Record<string, unknown>>('packages/contexts/clients/package.json');
  const sites = { ...clients, name: '@groundwork/sites', nx: { tags: ['layer:context', 'context:sites'] } };
  write(workspace, 'packages/contexts/sites/package.json', JSON.stringify(sites));
  linkModules(workspace, [...projects().map((project) => project.folder), 'packages/contexts/sites']);
  return workspace;
}

/** The installed packages as they are, and the workspace's own packages as its own. */
function linkModules(workspace: string, folders: readonly string[]): void {
  mkdirSync(join(workspace, 'node_modules/@groundwork'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@groundwork') symlinkSync(join(root, 'node_modules', name), join(workspace, 'node_modules', name));
  }
  for (const folder of folders) {
    symlinkSync(join(workspace, folder), join(workspace, 'node_modules/@groundwork', basename(folder)));
  }
}

function write(workspace: string, file: string, text: string): void {
  mkdirSync(dirname(join(workspace, file)), { recursive: true });
  writeFileSync(join(workspace, file), text);
}

/** The rules that refuse each text, as if it stood in that file of the workspace. */
function lint(workspace: string, texts: Readonly<Record<string, string>>): Record<string, string[]> {
  const { NODE_OPTIONS: _ofThisTestRun, ...env } = process.env;
  const linted = spawnSync(process.execPath, [join(root, 'tools/checks/lint-texts.ts')], {
    cwd: workspace,
    env,
    input: JSON.stringify(texts),
    encoding: 'utf8',
  });
  if (linted.status !== 0) throw new Error(`ESLint did not run: ${linted.stderr}`);
  return JSON.parse(linted.stdout) as Record<string, string[]>;
}
