// Time and identifiers as a test wants them.
import { createHash } from 'node:crypto';
import type { Clock, Ids } from '@groundwork/application';
import { uuidV7, type Uuid } from '@groundwork/domain';

/** A clock that stands still until it is moved. */
export class FixedClock implements Clock {
  #nowMs: number;

  constructor(start = '2026-01-01T00:00:00.000Z') {
    this.#nowMs = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  move(ms: number): void {
    this.#nowMs += ms;
  }
}

/** The time of this machine. */
export class SystemClock implements Clock {
  now(): Date {
    return new Date();
  }
}

/** Ids that are the same in every run with the same seed, and sort in the order in which they were made. */
export class SeededIds implements Ids {
  readonly #seed: string;
  #count = 0;

  constructor(seed = 'groundwork') {
    this.#seed = seed;
  }

  next(): Uuid {
    this.#count++;
    return uuidV7(Date.parse('2026-01-01T00:00:00.000Z') + this.#count, digest(`${this.#seed}\n${this.#count}`));
  }

  derive(timeMs: number, ...parts: readonly string[]): Uuid {
    return uuidV7(timeMs, digest(JSON.stringify(parts)));
  }

  fingerprint(text: string): string {
    return createHash('sha256').update(text).digest('hex');
  }
}

const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest();
