// What this server refuses before anybody looks at what was meant.
import { CodedError, type ErrorDetails } from '@groundwork/application';

export interface Refused {
  /** 400 unless said otherwise. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly details?: ErrorDetails;
}

/** A request that HTTP itself, or a limit of this server, does not let through. */
export class MalformedRequest extends CodedError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(code: string, happened: string, next: string, { status = 400, headers = {}, details }: Refused = {}) {
    super(code, happened, next, details);
    this.status = status;
    this.headers = headers;
  }
}
