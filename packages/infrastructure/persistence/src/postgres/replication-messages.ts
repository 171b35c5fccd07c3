// Those messages of PostgreSQL's streaming replication and its plugin pgoutput that tell where something was added
// (PostgreSQL 15 documentation: Streaming Replication Protocol, Logical Replication Message Formats).

/** The tables by the number under which the server names them in this stream. */
export type Inserts = Map<number, string>;

export interface DecodedMessage {
  /** How far the write-ahead log has been received. */
  readonly position: bigint;
  /** True when the server wants to hear from us now. */
  readonly wantsStatus: boolean;
  /** `schema.table`, when a row was added to one. */
  readonly table: string | undefined;
}

const [XLOG_DATA, KEEPALIVE, RELATION, INSERT] = ['w', 'k', 'R', 'I'].map((letter) => letter.charCodeAt(0));
const XLOG_HEADER_BYTES = 25;
// PostgreSQL counts its microseconds from 2000-01-01.
const EPOCH_MS = Date.UTC(2000, 0, 1);

/** Reads one message and remembers in `tables` what it says about them. */
export function decodedMessage(message: Buffer, tables: Inserts): DecodedMessage {
  if (message[0] === KEEPALIVE) {
    return { position: message.readBigUInt64BE(1), wantsStatus: message[17] === 1, table: undefined };
  }
  if (message[0] !== XLOG_DATA) return { position: 0n, wantsStatus: false, table: undefined };
  const position = message.readBigUInt64BE(9);
  return { position, wantsStatus: false, table: insertedInto(message.subarray(XLOG_HEADER_BYTES), tables) };
}

function insertedInto(change: Buffer, tables: Inserts): string | undefined {
  if (change[0] === INSERT) return tables.get(change.readUInt32BE(1));
  if (change[0] === RELATION) {
    const [schema, name] = change.subarray(5).toString('utf8').split('\0');
    tables.set(change.readUInt32BE(1), `${schema}.${name}`);
  }
  return undefined;
}

/** Tells the server that everything up to `position` is done with. */
export function standbyStatus(position: bigint): Buffer {
  const status = Buffer.alloc(34);
  status.write('r', 0);
  for (const at of [1, 9, 17]) status.writeBigUInt64BE(position, at);
  status.writeBigUInt64BE(BigInt(Date.now() - EPOCH_MS) * 1_000n, 25);
  return status;
}
