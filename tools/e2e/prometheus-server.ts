// A Prometheus on a free port that scrapes one program every moment.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@groundwork/testing';
import { freePort } from './started-product.ts';

/** Debian has it as a package; it is in no registry of npm. */
export const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;

export interface PrometheusServer extends AsyncDisposable {
  /** The value of an expression that gives one series, undefined while there is none. */
  value(expression: string): Promise<number | undefined>;
}

export async function startPrometheus(managementPort: number): Promise<PrometheusServer> {
  const folder = mkdtempSync(join(tmpdir(), 'gw-prometheus-'));
  const port = await freePort();
  writeFileSync(
    join(folder, 'prometheus.yml'),
    JSON.stringify({
      global: { scrape_interval: '200ms', scrape_timeout: '200ms' },
      scrape_configs: [{ job_name: 'api', static_configs: [{ targets: [`127.0.0.1:${managementPort}`] }] }],
    }),
  );
  const child = spawn(
    'prometheus',
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => (await fetch(`${url}/-/ready`)).ok, 30_000);
  return {
    async value(expression) {
      const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
      const { data } = (await answer.json()) as { data: { result: readonly { value: readonly [number, string] }[] } };
      const [series] = data.result;
      return series === undefined ? undefined : Number(series.value[1]);
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
