// The one batch that a pump holds: due when it is full, or when its first item has waited long enough.

export interface BatchLimits {
  readonly sizeMax: number;
  /** How long the first item waits for company; 0 sends it at once. */
  readonly waitMs: number;
}

/** Times are milliseconds of one clock, whichever. */
export class PumpBatch<Item> {
  readonly #limits: BatchLimits;
  #items: Item[] = [];
  #begunAtMs = 0;

  constructor(limits: BatchLimits) {
    this.#limits = limits;
  }

  get items(): readonly Item[] {
    return this.#items;
  }

  /** How many more items it takes. */
  get room(): number {
    return Math.max(this.#limits.sizeMax - this.#items.length, 0);
  }

  add(items: readonly Item[], nowMs: number): void {
    if (this.#items.length === 0) this.#begunAtMs = nowMs;
    this.#items.push(...items);
  }

  /** How long from now until the batch is to be sent, 0 when that is now; undefined while it is empty. */
  dueInMs(nowMs: number): number | undefined {
    if (this.#items.length === 0) return undefined;
    return this.room === 0 ? 0 : Math.max(this.#begunAtMs + this.#limits.waitMs - nowMs, 0);
  }

  clear(): void {
    this.#items = [];
  }
}
