// Other event stores, installed on request into a folder outside the workspace and loaded from there.
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const PACKAGES: Readonly<Record<string, string>> = {
  '@castore/core': '2.4.2',
  '@castore/event-storage-adapter-postgres': '2.4.2',
  '@event-driven-io/emmett': '0.42.0',
  '@event-driven-io/emmett-postgresql': '0.42.0',
  '@eventide/message-db': '1.3.1',
  pg: '8.23.1',
  postgres: '3.4.9',
};

/** The packages of the peers, as they lie in their folder. */
export interface PeerPackages {
  readonly folder: string;
  load<T>(name: string): Promise<T>;
}

/** Installs what is missing or of another version into GW_BENCH_PEERS_DIR, by default the user's cache. */
export async function installPeers(note: (line: string) => void): Promise<PeerPackages> {
  const folder = process.env['GW_BENCH_PEERS_DIR'] || join(cacheFolder(), 'groundwork-bench-peers');
  if (!(await isInstalled(folder))) {
    note(`The peers are installed into ${folder}.`);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: PACKAGES }, null, 2));
    await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: folder });
  }
  const require = createRequire(join(folder, 'package.json'));
  return {
    folder,
    load: async <T>(name: string) => (await import(pathToFileURL(require.resolve(name)).href)) as T,
  };
}

const cacheFolder = (): string => process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');

async function isInstalled(folder: string): Promise<boolean> {
  const versions = await Promise.all(
    Object.keys(PACKAGES).map(async (name) => {
      const manifest = await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8').catch(() => '{}');
      return [name, (JSON.parse(manifest) as { version?: string }).version] as const;
    }),
  );
  return versions.every(([name, version]) => version === PACKAGES[name]);
}
