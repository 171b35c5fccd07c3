// `npm run --silent bench -- <suite> --json [--peers]`: measures us against others, in the same process and minute.
import { parseArgs } from 'node:util';
import { appendSuite } from './append-suite.ts';
import { withBenchDatabase } from './bench-database.ts';
import { cacheSuite } from './cache-suite.ts';
import { catchUpSuite } from './catch-up-suite.ts';
import { relaySuite } from './relay-suite.ts';
import { growthSuite } from './growth-suite.ts';
import { latencySuite } from './latency-suite.ts';
import { loadSuite } from './load-suite.ts';
import { machine } from './machine.ts';
import { openPeers } from './peers/peers.ts';
import { projectSuite } from './project-suite.ts';
import type { Suite } from './suite.ts';
import { judged, ratioLines } from './targets.ts';
import { workersSuite } from './workers-suite.ts';

const suites: readonly Suite[] = [
  appendSuite,
  loadSuite,
  catchUpSuite,
  relaySuite,
  growthSuite,
  projectSuite,
  latencySuite,
  workersSuite,
  cacheSuite,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    events: { type: 'string' },
  },
});

if (values.list) list();
else await measure(positionals[0]);

function list(): void {
  const names = suites.map(({ name, description }) => ({ name, description }));
  const lines = names.map(({ name, description }) => `${name.padEnd(12)} ${description}`);
  process.stdout.write(`${values.json ? JSON.stringify(names) : lines.join('\n')}\n`);
}

async function measure(name: string | undefined): Promise<void> {
  const suite = suites.find((candidate) => candidate.name === name);
  if (suite === undefined) {
    process.stderr.write(`There is no suite "${name ?? ''}". Suites: ${suites.map((each) => each.name).join(', ')}\n`);
    process.exitCode = 2;
    return;
  }
  const report = await withBenchDatabase(note, async (url) => {
    const measuredOn = await machine(url);
    await using opened = values.peers ? await openPeers(url, note) : undefined;
    const events = values.events === undefined ? undefined : Number(values.events);
    const { results, ratios } = await suite.run({ url, peers: opened?.peers ?? [], events, note });
    return { suite: suite.name, machine: measuredOn, results, ratios, targets: judged(suite.name, ratios) };
  });
  if (values.json) {
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    return;
  }
  for (const { name: contender, concurrency, perSecond, p50Ms, p99Ms } of report.results) {
    const row = [contender.padEnd(34), String(concurrency).padStart(4), String(perSecond).padStart(8)];
    process.stdout.write(`${row.join(' ')}/s   p50 ${p50Ms ?? '-'} ms   p99 ${p99Ms ?? '-'} ms\n`);
  }
  for (const line of ratioLines(report.ratios, report.targets)) process.stdout.write(`${line}\n`);
}

/** Progress goes beside the result, never into it. */
function note(line: string): void {
  process.stderr.write(`${line}\n`);
}
