// Sees that a fresh `npm ci` can work from the lock file alone, at any registry.
import { describe, expect, it } from '@jest/globals';
import { readJson, readText } from './workspace.ts';

interface LockedPackage {
  readonly version?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

describe('the lock file', () => {
  const { packages } = readJson<{ packages: Record<string, LockedPackage> }>('package-lock.json');

  it('holds every package that another needs, optional ones included', () => {
    const missing = Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies })
        .filter((name) => !isFoundFrom(path, name, packages))
        .map((name) => `${path || 'the root'} needs ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it('agrees with what the root asks for', () => {
    const wanted = readJson<LockedPackage>('package.json');
    const locked = packages['']!;
    for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'] as const) {
      expect(locked[kind]).toEqual(wanted[kind]);
    }
  });

  it('names no registry', () => {
    expect(readText('package-lock.json')).not.toMatch(/"resolved": "https?:/);
  });
});

/** Whether Node, asked from a package's folder, finds the other package in it or in a folder above. */
function isFoundFrom(path: string, name: string, packages: Readonly<Record<string, LockedPackage>>): boolean {
  if (packages[`${path}${path === '' ? '' : '/'}node_modules/${name}`] !== undefined) return true;
  if (path === '') return false;
  const parent = path.includes('/node_modules/') ? path.slice(0, path.lastIndexOf('/node_modules/')) : '';
  return isFoundFrom(parent, name, packages);
}
