import { Misconfigured } from '@groundwork/application';
import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { runProgram } from './run-program.ts';

class Host extends EventEmitter {
  readonly exits: number[] = [];
  said = '';
  readonly stderr = { write: (text: string) => (this.said += text) };
  exit(code: number): void {
    this.exits.push(code);
  }
}

describe('runProgram', () => {
  it('leaves a program alone that ends well', async () => {
    const host = new Host();
    await runProgram('worker', () => Promise.resolve(), host);
    expect(host).toMatchObject({ exits: [], said: '' });
  });

  it('S0-41 says in words, without secrets, what keeps a program from starting', async () => {
    const host = new Host();
    const fault = new Misconfigured(
      'database.setup-needed',
      'No roles at postgres://gw:hunter22@db.',
      'Run gw db setup.',
    );
    await runProgram('worker', () => Promise.reject(fault), host);
    expect(host.said).toBe(
      'worker ends: No roles at postgres://gw:***@db.\nRun gw db setup. (database.setup-needed)\n',
    );
    expect(host.exits).toEqual([1]);
  });

  it.each(['unhandledRejection', 'uncaughtException'])('ends after an %s, with its stack', async (event) => {
    const host = new Host();
    await runProgram('worker', () => Promise.resolve(), host);
    host.emit(event, new Error('nobody cared'));
    expect(host.said).toMatch(/^worker ends: Error: nobody cared\n {4}at /);
    expect(host.exits).toEqual([1]);
  });
});
