// On what the figures were measured.
import { arch, cpus, loadavg, platform, totalmem } from 'node:os';
import { Client } from 'pg';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  /** Of the last minute: on a machine that is busy with other things every figure is too low. */
  readonly load: number;
  readonly node: string;
  readonly postgres: string;
  /** The server's durability settings; figures with fsync off compare with nothing. */
  readonly fsync: string;
  readonly synchronousCommit: string;
}

export async function machine(url: string): Promise<Machine> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<Pick<Machine, 'postgres' | 'fsync' | 'synchronousCommit'>>(
    `select current_setting('server_version') as postgres, current_setting('fsync') as fsync,
            current_setting('synchronous_commit') as "synchronousCommit"`,
  );
  await client.end();
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${arch()}`,
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    node: process.version,
    ...rows[0]!,
  };
}
