// Sees that the repository stays in order: its root, its names, its sizes, and what every package and file must have.
import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { externalImports } from './source-facts.ts';
import { files, projects, readJson, readText, root, sources } from './workspace.ts';

const ROOT_FOLDERS = ['.ci', '.git', '.github', 'apps', 'deploy', 'docs', 'packages', 'tools'];
const ROOT_FILES = [
  ...['ARCHITECTURE.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', '.gitignore', '.npmrc', '.nvmrc'],
  ...['package.json', 'package-lock.json', 'nx.json', 'tsconfig.json', 'tsconfig.base.json', '.prettierrc'],
  ...['eslint.config.mjs', 'jest.config.mjs', 'jest.preset.js', '.nxignore'],
];
const FILE_LINES_MAX = 500;
const README_LINES_MAX = 150;
const SAYS_NOTHING = /(^|[-.])(impl|base|manager|helpers?|utils?|common|shared|misc|stuff)([-.]|$)/i;

const code = ['packages', 'apps', 'tools', 'docs'].flatMap((folder) => files(folder, '.ts'));
const everything = files().filter((path) => path !== 'package-lock.json');

describe('the repository', () => {
  it('has nothing in its root that is not on the list', () => {
    const ignored = readText('.gitignore')
      .split('\n')
      .map((line) => line.replace(/\/$/, ''));
    const unknown = readdirSync(root).filter(
      (name) => ![...ROOT_FOLDERS, ...ROOT_FILES, ...ignored].includes(name) && !/\.(log|tsbuildinfo)$/.test(name),
    );
    expect(unknown).toEqual([]);
  });

  it('has a README of at most 150 lines', () => {
    expect(readText('README.md').split('\n').length).toBeLessThanOrEqual(README_LINES_MAX);
  });

  it('keeps a changelog with a place for what comes', () => {
    const headings = readText('CHANGELOG.md')
      .split('\n')
      .filter((line) => line.startsWith('#'));
    expect(headings.slice(0, 2)).toEqual(['# Changelog', '## [Unreleased]']);
    const releases = headings.filter((line) => line.startsWith('## ')).slice(1);
    expect(releases.filter((line) => !/^## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d$/.test(line))).toEqual([]);
    const kinds = headings.filter((line) => line.startsWith('### '));
    expect(kinds.filter((line) => !/^### (Added|Changed|Deprecated|Removed|Fixed|Security)$/.test(line))).toEqual([]);
  });

  it('names no folder of one machine', () => {
    const folder = /(?<![\w.:)}\]*])\/(?:root|home|Users|work|tmp)\/[\w.-]/;
    expect(linesThat((line) => folder.test(line))).toEqual([]);
  });
});

describe('every package and app', () => {
  it.each(projects().map(({ folder }) => folder))('%s says in one sentence what it is', (folder) => {
    const readme = existsSync(join(root, folder, 'README.md')) ? readText(`${folder}/README.md`) : '';
    const [sentence = ''] = readme.split(/\n\s*\n/).filter((paragraph) => !paragraph.startsWith('#'));
    expect(sentence).toMatch(/^[A-Z`].*\.\s*$/s);
    expect(sentence).not.toMatch(/\. [A-Z]/);
  });

  it.each(projects().map(({ folder }) => folder))('%s declares what it imports', (folder) => {
    const { name, dependencies, peerDependencies } = readJson<{
      name: string;
      dependencies?: object;
      peerDependencies?: object;
    }>(`${folder}/package.json`);
    const declared = new Set([name, ...Object.keys({ ...dependencies, ...peerDependencies })]);
    const imported = sources()
      .filter((path) => path.startsWith(`${folder}/`))
      .flatMap(externalImports);
    expect([...new Set(imported)].filter((found) => !declared.has(found))).toEqual([]);
  });
});

describe('every file', () => {
  it('has at most 500 lines', () => {
    const texts = everything.filter((path) => /\.(ts|mjs|js|md|json|sh)$/.test(path));
    expect(texts.filter((path) => readText(path).split('\n').length > FILE_LINES_MAX)).toEqual([]);
  });

  it('has a name that says something', () => {
    expect(everything.filter((path) => !ROOT_FILES.includes(path) && path.split('/').some(saysNothing))).toEqual([]);
  });

  it('has classes whose names say something', () => {
    const vague =
      /\b(?:class|interface) (?:\w+(?:Impl|Manager|Helper|Utils?)|Base[A-Z]\w*|I[A-Z][a-z]\w*(?:Service|Store))\b/;
    expect(
      linesThat(
        (line) => vague.test(line),
        code.filter((path) => !path.startsWith('tools/checks/')),
      ),
    ).toEqual([]);
  });

  it('with code opens with a sentence on what it is for', () => {
    const silent = code.filter((path) => !path.endsWith('.spec.ts') && !opensWithSentence(readText(path)));
    expect(silent).toEqual([]);
  });
});

const saysNothing = (name: string): boolean => SAYS_NOTHING.test(name.replace(/\.[a-z]+$/, ''));

function opensWithSentence(text: string): boolean {
  const lines = text.replace(/^#!.*\n/, '').split('\n');
  const end = lines.findIndex((line) => !line.startsWith('// '));
  return end > 0 && /[.?!)]$/.test(lines[end - 1]!);
}

function linesThat(matches: (line: string) => boolean, paths: readonly string[] = everything): readonly string[] {
  return paths
    .filter((path) => /\.(ts|mjs|js|md|json|ya?ml|sh)$/.test(path))
    .flatMap((path) => {
      const lines = readText(path).split('\n');
      return lines.flatMap((line, index) => (matches(line) ? [`${path}:${index + 1} ${line.trim()}`] : []));
    });
}
