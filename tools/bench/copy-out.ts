// The fastest that PostgreSQL gives rows away: COPY TO STDOUT, of which only the bytes are counted.
import { Client, type Connection, type Submittable } from 'pg';

/** Runs `COPY … TO STDOUT` over pg; gives the bytes that came. */
export async function copyOut(url: string, copy: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const counted = new CountedCopy(copy);
    client.query(counted);
    return await counted.bytes;
  } finally {
    await client.end();
  }
}

/** What pg's client calls while the answer to a statement arrives. */
class CountedCopy implements Submittable {
  readonly #copy: string;
  readonly #settled = Promise.withResolvers<number>();
  #bytes = 0;

  constructor(copy: string) {
    this.#copy = copy;
  }

  get bytes(): Promise<number> {
    return this.#settled.promise;
  }

  submit(connection: Connection): void {
    connection.query(this.#copy);
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    this.#bytes += chunk.length;
  }

  handleError(error: Error): void {
    this.#settled.reject(error);
  }

  handleReadyForQuery(): void {
    this.#settled.resolve(this.#bytes);
  }

  handleCommandComplete(): void {
    // The end of the statement says all.
  }
}
