import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { untilStopped } from './until-stopped.ts';

class Host extends EventEmitter {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('untilStopped', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('resolves with %s and leaves the ending to the program', async (signal) => {
    const host = new Host();
    const stopped = untilStopped(1_000, host);
    host.emit(signal, signal);
    expect(await stopped).toBe(signal);
    jest.advanceTimersByTime(999);
    expect(host.exits).toEqual([]);
  });

  it('ends a program that does not end within its grace time', async () => {
    const host = new Host();
    const stopped = untilStopped(1_000, host);
    host.emit('SIGTERM', 'SIGTERM');
    await stopped;
    jest.advanceTimersByTime(1_000);
    expect(host.exits).toEqual([1]);
  });

  it('takes one Ctrl-C that arrives twice for one, and a later one for impatience', async () => {
    const host = new Host();
    const stopped = untilStopped(60_000, host);
    host.emit('SIGINT', 'SIGINT');
    host.emit('SIGTERM', 'SIGTERM');
    await stopped;
    expect(host.exits).toEqual([]);
    jest.advanceTimersByTime(2_000);
    host.emit('SIGINT', 'SIGINT');
    expect(host.exits).toEqual([1]);
  });
});
