#!/usr/bin/env node
// The command `gw`: finds a Node that can run the program and runs it. Plain JavaScript, because older Nodes read it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
const carried = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url));

if (major > 24 || (major === 24 && minor >= 9)) {
  await import('../src/main.ts');
} else if (existsSync(carried) && process.env.GROUNDWORK_CARRIED_NODE === undefined) {
  const child = spawn(carried, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, GROUNDWORK_CARRIED_NODE: carried },
  });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name));
  child.once('exit', (code) => process.exit(code ?? 1));
} else {
  console.error(`Groundwork needs Node 24.9 or newer; this is ${process.version}.`);
  console.error('Install it from https://nodejs.org, or run npm ci, which brings it along on Linux.');
  process.exit(1);
}
