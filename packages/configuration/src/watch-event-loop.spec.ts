import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';

const STUCK_AFTER_MS = 1_000;
const WATCH = new URL('./watch-event-loop.ts', import.meta.url).href;

/** A process that is watched, says `begun` and does this. */
function watched(does: string) {
  const program = `
    import { execFileSync } from 'node:child_process';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { watchEventLoop } from '${WATCH}';
    const watch = watchEventLoop('worker', ${STUCK_AFTER_MS});
    await sleep(100);
    console.log('begun');
    ${does}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += String(text)));
  const begun = once(child.stdout, 'data');
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, said }) as unknown);
  return { child, begun, ended };
}

describe('A process whose event loop is watched', () => {
  it.each([
    ['JavaScript', 'for (;;);'],
    ['a call into the system', "execFileSync('sleep', ['30']);"],
  ])('is ended when %s holds it for too long', async (_, does) => {
    const said = expect.stringMatching(/^worker ends: its event loop has stood still for 1000 ms\.\n$/);
    expect(await watched(does).ended).toEqual({ code: null, signal: 'SIGKILL', said });
  });

  it('is left alone when it works hard and turns its loop now and then', async () => {
    const works = `
      const endsAt = performance.now() + ${2 * STUCK_AFTER_MS};
      while (performance.now() < endsAt) {
        for (const until = performance.now() + ${STUCK_AFTER_MS / 5}; performance.now() < until;);
        await sleep(1);
      }`;
    expect(await watched(works).ended).toEqual({ code: 0, signal: null, said: '' });
  });

  it('is left alone when it was paused for longer', async () => {
    const { child, begun, ended } = watched('process.stdin.once("data", () => process.exit(0));');
    await begun;
    child.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 2 * STUCK_AFTER_MS));
    child.kill('SIGCONT');
    // It has time to be ended by mistake.
    await new Promise((resolve) => setTimeout(resolve, STUCK_AFTER_MS / 2));
    child.stdin.write('end');
    expect(await ended).toEqual({ code: 0, signal: null, said: '' });
  });

  it('ends by itself when it is watched no more', async () => {
    expect(await watched('watch[Symbol.dispose]();').ended).toEqual({ code: 0, signal: null, said: '' });
  });
});
