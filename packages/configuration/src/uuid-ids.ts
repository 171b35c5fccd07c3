// The Ids port over node:crypto.
import { createHash, randomFillSync } from 'node:crypto';
import type { Clock, Ids } from '@groundwork/application';
import { uuidV7, type Uuid } from '@groundwork/domain';

const COUNT_MAX = 0xfff;
const TIME_MS_MAX = 2 ** 48 - 1;
const VERSION_AT = 14;
const CHANCE_LENGTH = 10;
// Asking the system for ten bytes costs 2.5 µs, for four thousand hardly more.
const CHANCE_POOL_LENGTH = 400 * CHANCE_LENGTH;

/** Ids of one process are strictly increasing, even within a millisecond and when the clock is set back. */
export class UuidIds implements Ids {
  readonly #clock: Clock;
  readonly #pool = Buffer.alloc(CHANCE_POOL_LENGTH);
  #poolAt = CHANCE_POOL_LENGTH;
  #lastMs = 0;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  next(): Uuid {
    const nowMs = this.#clock.now().getTime();
    const chance = this.#chance();
    if (nowMs > this.#lastMs) {
      this.#lastMs = nowMs;
      // Starting below the middle leaves room for two thousand more within the millisecond.
      this.#count = chance.readUInt16BE(0) & (COUNT_MAX >> 1);
    } else if (++this.#count > COUNT_MAX) {
      this.#lastMs++;
      this.#count = 0;
    }
    chance.writeUInt16BE(this.#count, 0);
    return uuidV7(this.#lastMs, chance);
  }

  /** Ten bytes that were never handed out before. */
  #chance(): Buffer {
    if (this.#poolAt === CHANCE_POOL_LENGTH) {
      randomFillSync(this.#pool);
      this.#poolAt = 0;
    }
    this.#poolAt += CHANCE_LENGTH;
    return this.#pool.subarray(this.#poolAt - CHANCE_LENGTH, this.#poolAt);
  }

  derive(timeMs: number, ...parts: readonly string[]): Uuid {
    // JSON keeps ['a', 'bc'] and ['ab', 'c'] apart.
    const digest = createHash('sha256').update(JSON.stringify(parts)).digest();
    const leading = Math.trunc(Math.min(Math.max(timeMs || 0, 0), TIME_MS_MAX));
    const derived = uuidV7(leading, digest);
    // Version 8 says that the rest of the bits is ours (RFC 9562, section 5.8).
    return `${derived.slice(0, VERSION_AT)}8${derived.slice(VERSION_AT + 1)}` as Uuid;
  }

  fingerprint(text: string): string {
    return createHash('sha256').update(text).digest('hex');
  }
}
