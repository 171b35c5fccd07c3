// What a worker has claimed, and under which of its names: the sign of life goes to these names only.

export class HeldCommands {
  readonly #worker: string;
  readonly #countOf = new Map<string, number>();
  #lostClaims = 0;

  /** `worker` names this process among all that run commands. */
  constructor(worker: string) {
    this.#worker = worker;
  }

  /** The name to claim under. */
  get claimingOwner(): string {
    return this.#lostClaims === 0 ? this.#worker : `${this.#worker}~${this.#lostClaims}`;
  }

  /** All names under which something is held. */
  get owners(): readonly string[] {
    return [...this.#countOf.keys()];
  }

  /**
   * A claim without an answer may have taken commands that nobody here knows of. From now on another name is used, so
   * that the lease of what is lost runs out once nothing else is held under the name it was lost under.
   */
  claimWasLost(): void {
    this.#lostClaims++;
  }

  hold(owner: string): void {
    this.#countOf.set(owner, (this.#countOf.get(owner) ?? 0) + 1);
  }

  letGo(owner: string): void {
    const count = (this.#countOf.get(owner) ?? 0) - 1;
    if (count > 0) this.#countOf.set(owner, count);
    else this.#countOf.delete(owner);
  }
}
