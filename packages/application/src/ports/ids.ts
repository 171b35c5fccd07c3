// Where new identifiers come from.
import type { Uuid } from '@groundwork/domain';
import { port } from '../port.ts';

export interface Ids {
  /** A new version 7 UUID: unique, and later ones sort after earlier ones. */
  next(): Uuid;
  /**
   * The same UUID for the same parts, always: the identity of a fact that another system names by several fields.
   * `timeMs` leads, so that ids of facts from about the same time lie together in an index.
   */
  derive(timeMs: number, ...parts: readonly string[]): Uuid;
  /** A SHA-256 in hexadecimal: equal for equal text. */
  fingerprint(text: string): string;
}
export const Ids = port<Ids>('Ids');
