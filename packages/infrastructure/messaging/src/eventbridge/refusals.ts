// Which answers of EventBridge are refusals, and which pass by themselves.
import { isTransient } from '@groundwork/application';

// The credentials are away or too old for the moment: what is sent is not the cause.
const CREDENTIALS = new Set([
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'RequestExpired',
  'TokenRefreshRequired',
]);

/** Whether an entry that was answered with this code would be refused again. */
export const isRefusedEntry = (errorCode: string): boolean =>
  !CREDENTIALS.has(errorCode) && !isTransient({ name: errorCode, $metadata: {} });

/** Whether a request that failed with this error would be refused again: AWS has understood it. */
export function isRefusedRequest(error: unknown): boolean {
  const { name = '', $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  return $metadata?.httpStatusCode !== undefined && !CREDENTIALS.has(name) && !isTransient(error);
}
