// The one way a model says no.
import { CodedError } from './coded-error.ts';

/** A business rule refuses the command in the present state. Repeating it unchanged will be refused again. */
export class Refusal extends CodedError {}
