// How much one caller may ask of a process. Every limit is tested one below and one above.

export interface HttpLimits {
  readonly bodyBytesMax: number;
  readonly jsonDepthMax: number;
  readonly jsonValuesMax: number;
  /** Salesforce's long text areas hold 131,072 characters. */
  readonly textLengthMax: number;
  readonly headerBytesMax: number;
  readonly urlBytesMax: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** How often the two are looked at: Node's own 30 s would make them 30 s longer. */
  readonly timeoutCheckIntervalMs: number;
  /** A connection on which nothing moves for so long is closed. */
  readonly idleTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly requestsPerSocketMax: number;
  readonly connectionsMax: number;
  /** Streams of events that one tenant may keep open. */
  readonly streamsPerTenantMax: number;
  /** A stream of events ends then, so that its reader comes again with a token that is still good. */
  readonly streamLifetimeMs: number;
  readonly heartbeatIntervalMs: number;
}

export const DEFAULT_LIMITS: HttpLimits = {
  bodyBytesMax: 1_048_576,
  jsonDepthMax: 32,
  jsonValuesMax: 10_000,
  textLengthMax: 131_072,
  headerBytesMax: 16_384,
  urlBytesMax: 8_192,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  timeoutCheckIntervalMs: 1_000,
  idleTimeoutMs: 120_000,
  keepAliveMs: 65_000,
  requestsPerSocketMax: 10_000,
  connectionsMax: 2_000,
  streamsPerTenantMax: 100,
  streamLifetimeMs: 15 * 60_000,
  heartbeatIntervalMs: 15_000,
};
