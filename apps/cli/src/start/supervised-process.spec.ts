import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { superviseProcess, type SupervisedProcess } from './supervised-process.ts';

const nodePath = process.execPath;
let folder: string;
let program: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gw-supervised-'));
  program = join(folder, 'program.mjs');
  writeFileSync(program, `process.stdout.write('at work ' + process.pid + '\\n'); setInterval(() => undefined, 1_000);`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let supervised: SupervisedProcess | undefined;
let said: EventEmitter<{ line: [string]; note: [string] }>;
beforeEach(() => {
  said = new EventEmitter();
});
afterEach(async () => {
  process.execPath = nodePath;
  await supervised?.stop();
});

const supervise = (env: NodeJS.ProcessEnv = {}): SupervisedProcess =>
  (supervised = superviseProcess({
    name: 'worker',
    program,
    env,
    line: (text) => said.emit('line', text),
    note: (text) => said.emit('note', text),
  }));

describe('A supervised process', () => {
  it('is started again when it dies', async () => {
    supervise().confirm();
    const [line] = await once(said, 'line');
    const note = once(said, 'note');
    process.kill(Number(String(line).replace('at work ', '')), 'SIGKILL');

    expect(await note).toEqual(['The worker has ended (SIGKILL); it is started again in 0.2 s.']);
    expect(await once(said, 'line')).toEqual([expect.stringMatching(/^at work \d+$/)]);
  });

  it('is tried again, later and later, while the system cannot start it', async () => {
    process.execPath = join(folder, 'no-such-node');
    supervise().confirm();
    for (const wait of ['0.2', '0.4']) {
      const [note] = await once(said, 'note');
      expect(note).toMatch(/^The worker has ended \(.*ENOENT.*\); it is started again in /);
      expect(note).toContain(` ${wait} s`);
    }

    process.execPath = nodePath;
    expect(await once(said, 'line')).toEqual([expect.stringMatching(/^at work \d+$/)]);
  });

  it.each([
    ['refuses it at once', { TOO_LONG: 'x'.repeat(3_000_000) }, /E2BIG/, nodePath],
    ['reports it later', {}, /ENOENT/, '/no-such-folder/node'],
  ])('that has never run is given up when the system %s, and can be stopped', async (_how, env, reason, execPath) => {
    process.execPath = execPath;
    const { failed, stop } = supervise(env);
    const lines: string[] = [];
    said.on('line', (line) => lines.push(line));

    await expect(failed).rejects.toThrow(reason);
    await stop();
    expect(lines).toEqual([]);
  });
});
