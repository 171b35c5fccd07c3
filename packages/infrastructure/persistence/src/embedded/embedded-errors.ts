// What can go wrong with the embedded database.
import { CodedError } from '@groundwork/domain';

/** The embedded database cannot be used; the message says why and what to do instead. */
export class EmbeddedDatabaseFailed extends CodedError {}
