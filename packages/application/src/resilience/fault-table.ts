// The one table of what errors of other programs mean: PostgreSQL, sockets, HTTP, AWS, Redis and the brokers.

/**
 * What is wrong, as far as the one who called has to know. The first six pass by themselves, the last three do not:
 * - `unreachable`: no connection can be made;
 * - `disconnected`: a connection that was made has ended, and another one may live;
 * - `timed-out`: the answer did not come in time;
 * - `busy`: it answers that it cannot now: overloaded, starting, read-only for the moment, failed inside;
 * - `throttled`: it answers that this caller asks too often;
 * - `contended`: another transaction was faster, or holds what is needed;
 * - `refused`: what was sent is not accepted, and will not be the next time;
 * - `misconfigured`: login, rights, names or addresses; somebody has to set them right;
 * - `cancelled`: whoever asked does not want the answer any more.
 */
export type Fault =
  | 'unreachable'
  | 'disconnected'
  | 'timed-out'
  | 'busy'
  | 'throttled'
  | 'contended'
  | 'refused'
  | 'misconfigured'
  | 'cancelled';

type FaultTable = Readonly<Record<string, Fault>>;

/** Codes of sockets, DNS, TLS and of Node's HTTP client, and those of the Kafka client. */
export const FAULTS_BY_CODE: FaultTable = {
  ECONNREFUSED: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETDOWN: 'unreachable',
  ETIMEDOUT: 'unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'unreachable',
  PLT_KFK_NETWORK: 'unreachable',
  ECONNRESET: 'disconnected',
  ECONNABORTED: 'disconnected',
  EPIPE: 'disconnected',
  UND_ERR_SOCKET: 'disconnected',
  UND_ERR_HEADERS_TIMEOUT: 'timed-out',
  UND_ERR_BODY_TIMEOUT: 'timed-out',
  PLT_KFK_TIMEOUT: 'timed-out',
  EMFILE: 'busy',
  ENFILE: 'busy',
  ENOBUFS: 'busy',
  EADDRNOTAVAIL: 'busy',
  PLT_KFK_AUTHENTICATION: 'misconfigured',
  PLT_KFK_UNSUPPORTED: 'misconfigured',
  CERT_HAS_EXPIRED: 'misconfigured',
  CERT_NOT_YET_VALID: 'misconfigured',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'misconfigured',
  SELF_SIGNED_CERT_IN_CHAIN: 'misconfigured',
  UNABLE_TO_GET_ISSUER_CERT: 'misconfigured',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'misconfigured',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'misconfigured',
  ERR_TLS_CERT_ALTNAME_INVALID: 'misconfigured',
  ERR_INVALID_URL: 'misconfigured',
};

/** PostgreSQL's SQLSTATEs, by the whole state, by its first three letters, or by its class. */
export const FAULTS_BY_SQLSTATE: FaultTable = {
  '08': 'unreachable',
  '08003': 'disconnected',
  '08006': 'disconnected',
  '57P01': 'disconnected',
  '57P02': 'disconnected',
  '57P03': 'unreachable',
  '57P': 'busy',
  '53': 'busy',
  '58': 'busy',
  '25006': 'busy',
  '57014': 'timed-out',
  '25P03': 'timed-out',
  '40': 'contended',
  '55P03': 'contended',
  '22': 'refused',
  '23': 'refused',
  '54': 'refused',
  '28': 'misconfigured',
  '3D': 'misconfigured',
  '3F': 'misconfigured',
  '42501': 'misconfigured',
  '42P01': 'misconfigured',
  '42703': 'misconfigured',
  '42883': 'misconfigured',
};

/** HTTP's answers. */
export const FAULTS_BY_STATUS: Readonly<Record<number, Fault>> = {
  400: 'refused',
  401: 'misconfigured',
  403: 'misconfigured',
  404: 'refused',
  405: 'misconfigured',
  406: 'misconfigured',
  407: 'misconfigured',
  408: 'timed-out',
  409: 'refused',
  410: 'refused',
  411: 'refused',
  412: 'refused',
  413: 'refused',
  414: 'refused',
  415: 'refused',
  421: 'misconfigured',
  422: 'refused',
  423: 'contended',
  425: 'busy',
  428: 'refused',
  429: 'throttled',
  431: 'refused',
  451: 'refused',
  500: 'busy',
  501: 'misconfigured',
  502: 'busy',
  503: 'busy',
  504: 'timed-out',
  505: 'misconfigured',
  507: 'busy',
};

/** AMQP's reply codes, which the driver gives as numbers. */
export const FAULTS_BY_AMQP_CODE: Readonly<Record<number, Fault>> = {
  311: 'refused',
  320: 'disconnected',
  403: 'misconfigured',
  404: 'misconfigured',
  405: 'contended',
  406: 'misconfigured',
  506: 'busy',
  530: 'misconfigured',
  541: 'busy',
};

/** Names of errors: AWS calls its faults by them, and so do NATS, Redis and AMQP where they have no codes. */
export const FAULTS_BY_NAME: FaultTable = {
  TimeoutError: 'timed-out',
  AbortError: 'cancelled',

  Throttling: 'throttled',
  ThrottlingException: 'throttled',
  ThrottledException: 'throttled',
  RequestThrottled: 'throttled',
  RequestThrottledException: 'throttled',
  RequestLimitExceeded: 'throttled',
  TooManyRequestsException: 'throttled',
  ProvisionedThroughputExceededException: 'throttled',
  BandwidthLimitExceeded: 'throttled',
  SlowDown: 'throttled',
  PriorRequestNotComplete: 'busy',
  InternalError: 'busy',
  InternalFailure: 'busy',
  InternalException: 'busy',
  InternalServerError: 'busy',
  ServiceUnavailable: 'busy',
  ServiceUnavailableException: 'busy',
  RequestTimeout: 'timed-out',
  RequestTimeoutException: 'timed-out',
  TransactionConflictException: 'contended',
  TransactionInProgressException: 'contended',
  ConcurrentModificationException: 'contended',
  ConditionalCheckFailedException: 'refused',
  ValidationException: 'refused',
  SerializationException: 'refused',
  InvalidParameterValue: 'refused',
  MalformedDetail: 'refused',
  AccessDenied: 'misconfigured',
  AccessDeniedException: 'misconfigured',
  CredentialsProviderError: 'misconfigured',
  ExpiredToken: 'misconfigured',
  ExpiredTokenException: 'misconfigured',
  InvalidClientTokenId: 'misconfigured',
  InvalidSignatureException: 'misconfigured',
  MissingAuthenticationToken: 'misconfigured',
  NotAuthorized: 'misconfigured',
  OptInRequired: 'misconfigured',
  ResourceNotFoundException: 'misconfigured',
  SignatureDoesNotMatch: 'misconfigured',
  UnrecognizedClientException: 'misconfigured',

  ConnectionError: 'unreachable',
  ClosedConnectionError: 'disconnected',
  DrainingConnectionError: 'disconnected',
  NoRespondersError: 'busy',
  AuthorizationError: 'misconfigured',
  PermissionViolationError: 'misconfigured',
  JetStreamNotEnabled: 'misconfigured',

  MaxRetriesPerRequestError: 'unreachable',
  ClusterAllFailedError: 'unreachable',
};

/** What drivers say by a message only. */
export const FAULTS_BY_MESSAGE: readonly (readonly [message: RegExp, fault: Fault])[] = [
  // A socket's own words, where the code was lost on the way: the AWS SDK wraps what it does not take for an error.
  [/\b(connect|getaddrinfo) (ECONNREFUSED|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)\b/, 'unreachable'],
  [/\b(connect|read|write) (ECONNRESET|EPIPE)\b|^socket hang up/, 'disconnected'],
  // pg: an exhausted pool, a server that does not answer, a lost connection.
  [/timeout exceeded when trying to connect/i, 'busy'],
  [/connection timeout|timeout expired|client was closed/i, 'unreachable'],
  [/connection (terminated|ended)|not queryable/i, 'disconnected'],
  [/query read timeout/i, 'timed-out'],
  // ioredis, which writes the answers of the server with their first word in capitals.
  [/^Connection is closed|^Stream isn't writeable|^Command aborted due to connection close/, 'disconnected'],
  [/^Command timed out|^Socket timeout/, 'timed-out'],
  [/^(BUSY|LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|OOM|MISCONF) /, 'busy'],
  [/^(NOAUTH|WRONGPASS|NOPERM) /, 'misconfigured'],
  [/^(WRONGTYPE|EXECABORT|NOSCRIPT|ERR) /, 'refused'],
  // amqplib.
  [/^(Channel|Connection) (closed|closing)|^Socket closed abruptly|^Heartbeat timeout/i, 'disconnected'],
];
