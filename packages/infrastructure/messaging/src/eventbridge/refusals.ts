// Which answers of EventBridge are refusals of a message, and which say nothing about it: those pass, or are set right.
import { faultOf } from '@groundwork/application';

// Refused whoever sends it again: the policy of the bus speaks of the source and of what is sent.
const DENIED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'NotAuthorized',
  'NotAuthorizedException',
  'NotAuthorizedForSourceException',
]);

// The credentials or the clock are at fault, with names that the table of faults does not hold.
const CREDENTIALS = new Set([
  'IncompleteSignature',
  'IncompleteSignatureException',
  'InvalidToken',
  'MissingAuthenticationTokenException',
  'RequestExpired',
  'TokenRefreshRequired',
]);

// AWS says so of what was sent; with any other status it is a proxy that speaks, or AWS of itself.
const STATUSES_OF_REFUSAL: ReadonlySet<number | undefined> = new Set([400, 413]);

/** Whether an entry that was answered with this code would be refused again. */
export const isRefusedEntry = (errorCode: string): boolean => isRefusal({ name: errorCode, $metadata: {} });

/** Whether a request that failed with this error would be refused again: AWS has understood it. */
export function isRefusedRequest(error: unknown): boolean {
  const { name = '', $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  const isOfMessage = DENIED.has(name) || STATUSES_OF_REFUSAL.has($metadata?.httpStatusCode);
  return $metadata?.httpStatusCode !== undefined && isOfMessage && isRefusal(error);
}

function isRefusal(error: unknown): boolean {
  const { name = '' } = error as { name?: string };
  const fault = faultOf(error);
  return DENIED.has(name) || (!CREDENTIALS.has(name) && (fault === undefined || fault === 'refused'));
}
