import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const gwJs = join(import.meta.dirname, '../bin/gw.js');

const event = (id: string, type: string, streamVersion: number) => ({
  kind: 'event',
  id,
  type,
  causationId: 'c1',
  actor: 'ada',
  stream: 'note/a',
  streamVersion,
  position: String(streamVersion + 6),
  recordedAt: '2026-01-01T08:00:01.000Z',
});
const command = { kind: 'command', causationId: null, actor: 'ada', status: 'processed', error: null };
/** What the api tells of the correlation `order-1`. */
const TRACED = [
  { ...command, id: 'c1', type: 'notes.write-note', acceptedAt: '2026-01-01T08:00:00.000Z' },
  {
    ...{ ...command, id: 'c2', type: 'notes.announce', acceptedAt: '2026-01-01T08:00:02.000Z', causationId: 'e1' },
    ...{ actor: 'projection:notes.list', status: 'failed' },
    error: { code: 'notes.refused', message: 'Nobody listens.' },
  },
  event('e1', 'NoteWritten', 1),
  event('e2', 'NoteFiled', 2),
];

describe('gw', () => {
  let dataDir: string;
  beforeAll(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'gw-cli-'));
  });
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

  const gw = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
    run(args, { PATH: process.env['PATH'], GW_DATA_DIR: dataDir, ...env });

  it('prints a token for tenant and role, and nothing else', async () => {
    const { status, stdout, stderr } = await gw(['token', '--tenant', 'acme', '--role', 'viewer']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const claims = JSON.parse(Buffer.from(stdout.split('.')[1]!, 'base64url').toString()) as object;
    expect(claims).toMatchObject({ tenant: 'acme', roles: ['viewer'] });
  });

  it.each([
    [['token'], ['admin', 'installation-operator']],
    [['token', '--role', 'operator'], ['operator']],
    [['token', '--tenant', 'acme'], ['admin']],
    [['token', '--tenant', 'acme', '--role', 'installation-operator'], ['installation-operator']],
  ])('%j carries the roles %j', async (args, roles) => {
    const { stdout } = await gw(args);
    expect(JSON.parse(Buffer.from(stdout.split('.')[1]!, 'base64url').toString())).toMatchObject({ roles });
  });

  it('prints no token in production', async () => {
    const production = {
      NODE_ENV: 'production',
      DATABASE_URL: 'postgres://groundwork:secret@127.0.0.1:9/groundwork',
      GW_JWKS_URL: 'https://issuer.example.com/keys',
      GW_JWT_ISSUER: 'https://issuer.example.com',
      GW_JWT_AUDIENCE: 'groundwork',
    };
    const { status, stdout, stderr } = await gw(['token'], production);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('security.development-only');
  });

  it.each([[['nonsense']], [['token', '--nonsense']], [['post']], [['db', 'setup']]])(
    'ends with status 2 for %p and says how it is used',
    async (args) => {
      const { status, stdout, stderr } = await gw(args);
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      expect(stderr).toContain('--help');
    },
  );

  it('ends with status 4 and names the address when nothing answers', async () => {
    const { status, stderr } = await gw(['projections', 'list', '--url', 'http://127.0.0.1:9']);
    expect(status).toBe(4);
    expect(stderr).toContain('http://127.0.0.1:9');
    const health = await gw(['health', '--json'], { MANAGEMENT_PORT: '9' });
    expect(health.status).toBe(4);
    expect(JSON.parse(health.stdout)).toMatchObject([
      { program: 'api', url: 'http://127.0.0.1:9', ready: false },
      { program: 'worker', url: 'http://127.0.0.1:10' },
    ]);
    expect(JSON.parse(health.stderr)).toMatchObject({ error: { next: expect.stringContaining('MANAGEMENT_PORT') } });
  });

  it.each([
    [{ PORT: '0' }, 'PORT'],
    [{ MANAGEMENT_PORT: '0' }, 'MANAGEMENT_PORT'],
    [{ MANAGEMENT_PORT: '65535' }, 'MANAGEMENT_PORT (the worker takes the next)'],
    [{ PORT: '4011', MANAGEMENT_PORT: '4010' }, 'MANAGEMENT_PORT (the worker takes the next)'],
  ])('start refuses %j before it starts anything, and names the setting', async (ports, setting) => {
    const { status, stdout, stderr } = await gw(['start', '--json'], ports);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    const { error } = JSON.parse(stderr) as { error: { code: string; next: string } };
    expect(error.code).toBe('cli.port-unusable');
    expect(error.next).toContain(setting);
  });

  it('lists every fault of the settings at once, with status 1', async () => {
    const { status, stderr } = await gw(['db', 'status'], { PORT: 'http', GW_DATADIR: '/tmp' });
    expect(status).toBe(1);
    expect(stderr).toContain('PORT');
    expect(stderr).toContain('did you mean GW_DATA_DIR?');
  });

  it('prints the SQL for an administrator without touching any database', async () => {
    const setup = async (args: string[], env = {}): Promise<string> =>
      (await gw(['db', 'setup', '--sql', ...args], env)).stdout;
    const grants = (sql: string): unknown => sql.match(/^grant groundwork_\w+ to .*$/gm);

    expect(grants(await setup([]))).toEqual([
      'grant groundwork_app to "gw_api";',
      'grant groundwork_worker to "gw_worker";',
      'grant groundwork_owner to "gw_migration";',
    ]);
    const shared = await setup(['--login', 'app', '--database', 'prod']);
    expect(shared).toContain('on database "prod"');
    expect(grants(shared)).toEqual([
      'grant groundwork_app to "app";',
      'grant groundwork_worker to "app";',
      'grant groundwork_owner to "gw_migration";',
    ]);
    const given = await setup(['--api-login', 'web'], {
      DATABASE_URL: 'postgres://app:secret@127.0.0.1:9/prod',
      GW_MIGRATION_DATABASE_URL: 'postgres://owner:secret@127.0.0.1:9/prod',
    });
    expect(given).toContain('on database "prod"');
    expect(grants(given)).toEqual([
      'grant groundwork_app to "web";',
      'grant groundwork_worker to "app";',
      'grant groundwork_owner to "owner";',
    ]);
  });

  describe('with an api that answers', () => {
    let api: Server;
    let url: string;
    beforeAll(async () => {
      api = createServer((request, response) => {
        if (request.url === '/v1/projections') {
          const list = {
            name: 'clients.client-list',
            state: 'running',
            position: '12',
            lagEvents: 0,
            lagSeconds: 0,
            rate: 6.952406323696,
          };
          response.end(JSON.stringify({ items: [list] }));
        } else if (request.url?.startsWith('/v1/correlations/order-1?') === true) {
          const isFirst = !request.url.includes('cursor=');
          const page = isFirst ? { items: TRACED.slice(0, 2), next: 'x~2' } : { items: TRACED.slice(2), next: null };
          response.end(JSON.stringify(page));
        } else {
          const problem = { code: 'projections.unknown', detail: 'There is no projection "x".', next: 'See the list.' };
          response.writeHead(404, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
        }
      });
      await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
      url = `http://127.0.0.1:${(api.address() as { port: number }).port}`;
    });
    afterAll(() => new Promise((resolve) => api.close(resolve)));

    it('aligns a list for people and gives programs the same as JSON', async () => {
      expect((await gw(['projections', 'list', '--url', url])).stdout.split('\n')).toEqual([
        'name                 state    position  lag (events)  lag (s)  events/s',
        'clients.client-list  running        12             0        0         7',
        '',
      ]);
      const json = await gw(['projections', 'list', '--url', url, '--json']);
      expect(JSON.parse(json.stdout)).toMatchObject([{ name: 'clients.client-list', position: '12' }]);
    });

    it('draws what followed from one request as a tree, and nests it as JSON', async () => {
      expect((await gw(['trace', 'order-1', '--url', url])).stdout.split('\n')).toEqual([
        'notes.write-note  processed  2026-01-01T08:00:00.000Z  by ada',
        '├─ NoteWritten  note/a version 1 (position 7)  2026-01-01T08:00:01.000Z  by ada',
        '│  └─ notes.announce  failed  2026-01-01T08:00:02.000Z  by projection:notes.list  Nobody listens. [notes.refused]',
        '└─ NoteFiled  note/a version 2 (position 8)  2026-01-01T08:00:01.000Z  by ada',
        '',
      ]);
      const { tree, isCut } = JSON.parse((await gw(['trace', 'order-1', '--url', url, '--json'])).stdout) as {
        tree: unknown;
        isCut: boolean;
      };
      expect([tree, isCut]).toMatchObject([
        [{ id: 'c1', led: [{ id: 'e1', led: [{ id: 'c2' }] }, { id: 'e2' }] }],
        false,
      ]);
      expect((await gw(['trace', 'order-1', '--limit', '2', '--url', url])).stdout).toContain('… and more');
    });

    it.each([[['replay', 'note']], [['trace', 'order-1', '--limit', '0']]])('does not do %j', async (args) => {
      const { status, stdout } = await gw([...args, '--url', url]);
      expect([status, stdout]).toEqual([args[0] === 'trace' ? 2 : 1, '']);
    });

    it("passes on the api's own words and code, with status 1", async () => {
      const { status, stderr } = await gw(['projections', 'pause', 'x', '--url', url]);
      expect(status).toBe(1);
      expect(stderr).toBe('There is no projection "x". (HTTP 404)\nSee the list. [projections.unknown]\n');
    });
  });
});

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(process.execPath, [gwJs, ...args], { env }, (error, stdout, stderr) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
