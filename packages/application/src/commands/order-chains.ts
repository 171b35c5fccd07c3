// Work that shares a key runs one after the other; everything else runs at once.

export class OrderChains<Ending> {
  readonly #lastOf = new Map<string, Promise<Ending>>();
  readonly #ended = new WeakSet<Promise<Ending>>();

  /**
   * Runs the work behind all earlier work with one of these keys; it is told how that ended. The work must not throw.
   */
  append(keys: readonly string[], work: (before: readonly Ending[]) => Promise<Ending>): Promise<Ending> {
    const before = new Set(keys.map((key) => this.#lastOf.get(key)).filter((earlier) => earlier !== undefined));
    const ending = Promise.all(before).then(work);
    for (const key of keys) this.#lastOf.set(key, ending);
    void ending.then(() => this.#ended.add(ending));
    return ending;
  }

  /** From now on nothing waits for, or hears of, the work that has ended. */
  forgetEnded(): void {
    for (const [key, last] of this.#lastOf) if (this.#ended.has(last)) this.#lastOf.delete(key);
  }
}
