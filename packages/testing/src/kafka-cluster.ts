// The mock cluster inside librdkafka, started through kcat: it speaks Kafka's protocol, and keeps all in memory.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';

const TEXT_LENGTH_MAX = 100_000;

/** Whether kcat is on this machine: `apt-get install kcat`. */
export const hasKafka = (): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'kcat')));

export class KafkaCluster implements AsyncDisposable {
  readonly brokers: readonly string[];
  readonly #process: ChildProcessByStdio<null, null, Readable>;

  private constructor(brokers: readonly string[], kcat: ChildProcessByStdio<null, null, Readable>) {
    [this.brokers, this.#process] = [brokers, kcat];
  }

  static async start(): Promise<KafkaCluster> {
    const mock = ['-X', 'test.mock.num.brokers=3', '-X', 'allow.auto.create.topics=true', '-d', 'mock'];
    const kcat = spawn('kcat', ['-b', 'x:1', '-C', '-u', '-t', 'warm-up', ...mock], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const servers = await new Promise<string>((resolve, reject) => {
      let text = '';
      // Read for ever: a full pipe would stop the cluster.
      kcat.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        if (text.length < TEXT_LENGTH_MAX) text += chunk;
        const [, found] = /bootstrap\.servers=([\d.:,]+)\s/.exec(text) ?? [];
        if (found !== undefined) resolve(found);
      });
      kcat.once('exit', () => reject(new Error(`kcat ended before its cluster was there: ${text}`)));
    });
    return new KafkaCluster(servers.split(','), kcat);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await ended;
  }
}
