// Group commit: appends that wait together are stored by one statement, each with its own verdict.
import { Unavailable, type Append, type PreparedEvent } from '@groundwork/application';

/** An append whose events have been checked and serialised. */
export interface PreparedAppend {
  readonly append: Append;
  /** `tenant/type/id`: unique over all tenants. */
  readonly streamKey: string;
  readonly events: readonly PreparedEvent[];
}

export interface AppendVerdict {
  /** 0 stored, 1 version conflict, 2 repeated, 3 an event id is taken by other content. */
  readonly verdict: number;
  readonly streamVersion: number;
  readonly position: bigint;
}

export interface StoredBatch {
  /** One for each append, in order. */
  readonly verdicts: readonly AppendVerdict[];
  /** Another process was writing when this batch came to the lock of the log. */
  readonly isContended: boolean;
}

/** Stores a batch in one transaction. */
export type StoreBatch = (batch: readonly PreparedAppend[], checkIds: boolean) => Promise<StoredBatch>;

interface Waiting {
  readonly append: PreparedAppend;
  readonly resolve: (verdict: AppendVerdict) => void;
  readonly reject: (error: unknown) => void;
}

// Two batches in flight: while one is stored the next is built and sent. A third only makes the batches smaller. Beside
// another process one is enough: while it waits for the lock and is stored the other builds its own, and both are twice
// as large.
const BATCHES_IN_FLIGHT_MAX = 2;
const BATCHES_IN_FLIGHT_MAX_CONTENDED = 1;
const BATCH_EVENTS_MAX = 1_000;
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
// More waiting work than this is not caught up with before its callers give up.
const WAITING_MAX = 10_000;

export class AppendQueue {
  readonly #storeBatch: StoreBatch;
  readonly #isDataFault: (error: unknown) => boolean;
  #waiting: Waiting[] = [];
  #inFlight = 0;
  #pumpScheduled = false;
  #isContended = false;
  // A stream is in one batch at a time, so that its appends keep the order in which they were asked for.
  readonly #busyStreams = new Set<string>();

  /** `isDataFault`: the batch was refused because of its data, and nothing of it was stored. */
  constructor(storeBatch: StoreBatch, isDataFault: (error: unknown) => boolean) {
    this.#storeBatch = storeBatch;
    this.#isDataFault = isDataFault;
  }

  /** Rejects with Unavailable `event-store.overloaded` when too many appends wait already; nothing was stored then. */
  append(append: PreparedAppend): Promise<AppendVerdict> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.reject(overloaded());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ append, resolve, reject });
      // An idle queue is bypassed: alone, waiting for company costs a client 20 to 25 %. Beside another process every
      // batch waits for the lock, and one of a single append would take the turn of thirty.
      if (this.#inFlight === 0 && !this.#isContended) this.#pump();
      else this.#schedulePump();
    });
  }

  get #batchesInFlightMax(): number {
    return this.#isContended ? BATCHES_IN_FLIGHT_MAX_CONTENDED : BATCHES_IN_FLIGHT_MAX;
  }

  /** Gives the callers that were just answered a chance to ask again, so that the next batch is full. */
  #schedulePump(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    setImmediate(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#inFlight < this.#batchesInFlightMax && this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      if (batch.length === 0) return;
      this.#inFlight++;
      void this.#run(batch).finally(() => {
        this.#inFlight--;
        this.#schedulePump();
      });
    }
  }

  #takeBatch(): Waiting[] {
    const batch: Waiting[] = [];
    const passedOver: Waiting[] = [];
    let events = 0;
    let bytes = 0;
    let looked = 0;
    // An even share of all that is under way. Otherwise one batch grows at the cost of the other, and a batch of two
    // appends holds the lock for half as long as one of sixty.
    const share = Math.ceil((this.#waiting.length + this.#busyStreams.size) / this.#batchesInFlightMax);
    const isFull = (): boolean => batch.length >= share || events >= BATCH_EVENTS_MAX || bytes >= BATCH_BYTES_MAX;
    while (looked < this.#waiting.length && !isFull()) {
      const waiting = this.#waiting[looked++]!;
      const { streamKey } = waiting.append;
      if (this.#busyStreams.has(streamKey)) {
        passedOver.push(waiting);
        continue;
      }
      this.#busyStreams.add(streamKey);
      batch.push(waiting);
      events += waiting.append.events.length;
      bytes += waiting.append.append.snapshot?.stateText.length ?? 0;
      for (const event of waiting.append.events) bytes += event.dataText.length + event.metadataText.length;
    }
    this.#waiting = [...passedOver, ...this.#waiting.slice(looked)];
    return batch;
  }

  async #run(batch: readonly Waiting[]): Promise<void> {
    try {
      const { verdicts, isContended } = await this.#storeBatch(
        batch.map((waiting) => waiting.append),
        false,
      );
      this.#isContended = isContended;
      batch.forEach((waiting, index) => waiting.resolve(verdicts[index]!));
    } catch (error) {
      if (this.#isDataFault(error)) await this.#runOneByOne(batch);
      else for (const waiting of batch) waiting.reject(error);
    } finally {
      for (const waiting of batch) this.#busyStreams.delete(waiting.append.streamKey);
    }
  }

  /** One append's data was refused and took the batch with it: each is tried alone, its ids looked up first. */
  async #runOneByOne(batch: readonly Waiting[]): Promise<void> {
    for (const waiting of batch) {
      try {
        const { verdicts } = await this.#storeBatch([waiting.append], true);
        waiting.resolve(verdicts[0]!);
      } catch (error) {
        waiting.reject(error);
      }
    }
  }
}

const overloaded = (): Unavailable =>
  new Unavailable(
    'event-store.overloaded',
    `More than ${WAITING_MAX} appends wait for the database.`,
    'Send less at once, or try again when the database has caught up.',
  );
