// Salesforce's record ids: 15 characters that differ by case, or 18 that survive systems which ignore it.
import { Refusal } from '@groundwork/domain';

/** The id with which Salesforce says that an event is about more records than it names. */
export const WILDCARD_ID = '000000000000000AAA';

const SUFFIX_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345';
const CHUNK_LENGTH = 5;

/** Whether the text has the shape of a record id. */
export const isSalesforceId = (text: string): boolean => /^(?:[A-Za-z0-9]{15}|[A-Za-z0-9]{18})$/.test(text);

/**
 * The 18-character form, which names streams and rows. Three characters are added to a short id, each standing for the
 * upper-case letters among five of its own; a long id is taken as it is. Throws `salesforce.malformed-id`.
 */
export function salesforceId(text: string): string {
  if (!isSalesforceId(text)) {
    throw new Refusal(
      'salesforce.malformed-id',
      `"${text.slice(0, 40)}" is not a Salesforce record id.`,
      'Send the 15 or 18 letters and digits that Salesforce shows for the record.',
    );
  }
  if (text.length === 18) return text;
  return (
    text + [0, 1, 2].map((chunk) => suffixOf(text.slice(chunk * CHUNK_LENGTH, (chunk + 1) * CHUNK_LENGTH))).join('')
  );
}

function suffixOf(chunk: string): string {
  let bits = 0;
  for (let at = 0; at < chunk.length; at++) if (/[A-Z]/.test(chunk.charAt(at))) bits |= 1 << at;
  return SUFFIX_ALPHABET.charAt(bits);
}
