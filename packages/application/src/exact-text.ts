// Values as texts that give the very same values back: what would come back as something else is refused.
import { InvalidInput } from './errors.ts';
import { ExactJson } from './exact-json.ts';

// JSON holds most values as they are; the others are written as an array that begins with this mark and their kind.
const MARK = '\u0000';
const PLAIN = 'j';
const TAGGED = 't';
const DEPTH_MAX = 100;

// ECMAScript 2026; TypeScript's libraries do not know it yet.
const isRawJson = (JSON as unknown as { isRawJSON(value: unknown): boolean }).isRawJSON;

/** Throws InvalidInput `cache.value-refused`, saying where the value has what cannot be kept. */
export function exactTextOf(value: unknown): string {
  const writer = new Writer();
  const written = writer.write(value, '', 0);
  return (writer.hasTags ? TAGGED : PLAIN) + JSON.stringify(written);
}

/** The value that `exactTextOf` was given. `from` is where its text begins. */
export function valueOfExactText(text: string, from = 0): unknown {
  const parsed: unknown = JSON.parse(text.slice(from + 1));
  return text[from] === PLAIN ? parsed : read(parsed);
}

class Writer {
  hasTags = false;
  /** Those around the value that is being written. */
  readonly #around = new Set<object>();

  write(value: unknown, path: string, depth: number): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value;
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0) ? value : this.#tagged('n', String(signed(value)));
      case 'bigint':
        return this.#tagged('i', String(value));
      case 'undefined':
        return this.#tagged('u');
      case 'object':
        return value === null ? null : this.#object(value, path, depth);
      default:
        throw refused(path, `a ${typeof value}`);
    }
  }

  #object(value: object, path: string, depth: number): unknown {
    if (depth > DEPTH_MAX) throw refused(path, `more than ${DEPTH_MAX} levels`);
    if (this.#around.has(value)) throw refused(path, 'a circle');
    this.#around.add(value);
    const written = this.#form(value, path, depth + 1);
    this.#around.delete(value);
    return written;
  }

  #form(value: object, path: string, depth: number): unknown {
    switch (Object.getPrototypeOf(value)) {
      case Object.prototype:
        return this.#members(value, path, depth);
      case null:
        if (isRawJson(value)) throw refused(path, 'raw JSON');
        return this.#tagged('o', this.#members(value, path, depth));
      case Array.prototype:
        return this.#array(value as unknown[], path, depth);
      case Date.prototype:
        refuseMembers(value, path);
        if (Number.isNaN((value as Date).getTime())) throw refused(path, 'a date that is none');
        return this.#tagged('d', (value as Date).getTime());
      case Map.prototype:
        refuseMembers(value, path);
        return this.#tagged('m', this.#items([...(value as Map<unknown, unknown>)].flat(1), path, depth));
      case Set.prototype:
        refuseMembers(value, path);
        return this.#tagged('s', this.#items([...(value as Set<unknown>)], path, depth));
      case Uint8Array.prototype:
        return this.#tagged('b', [...(value as Uint8Array)]);
      case ExactJson.prototype:
        return this.#tagged('e', (value as ExactJson).text);
      default:
        throw refused(
          path,
          `an instance of ${(value.constructor as { name?: string } | undefined)?.name ?? 'a class'}`,
        );
    }
  }

  #members(value: object, path: string, depth: number): object {
    const members: [string, unknown][] = [];
    for (const key of Reflect.ownKeys(value)) {
      const { enumerable, get, value: member } = Object.getOwnPropertyDescriptor(value, key)!;
      if (typeof key === 'symbol' || get !== undefined || !enumerable || key === '__proto__') {
        throw refused(`${path}/${String(key)}`, 'a member that is not plain data');
      }
      members.push([key, this.write(member, `${path}/${key}`, depth)]);
    }
    return Object.fromEntries(members);
  }

  #array(value: unknown[], path: string, depth: number): unknown {
    // Its length is a key, too: anything else is a hole or a name.
    if (Reflect.ownKeys(value).length !== value.length + 1) throw refused(path, 'an array with holes or names');
    const items = this.#items(value, path, depth);
    // A text that looks like the mark is no mark.
    return value[0] === MARK ? this.#tagged('a', items) : items;
  }

  #items(values: readonly unknown[], path: string, depth: number): unknown[] {
    return values.map((item, at) => this.write(item, `${path}/${at}`, depth));
  }

  #tagged(kind: string, content?: unknown): unknown {
    this.hasTags = true;
    return [MARK, kind, content];
  }
}

const signed = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

function refuseMembers(value: object, path: string): void {
  if (Reflect.ownKeys(value).length > 0) throw refused(path, 'an object with additional members');
}

function read(written: unknown): unknown {
  if (written === null || typeof written !== 'object') return written;
  if (Array.isArray(written)) return written[0] === MARK ? readTagged(written[1], written[2]) : written.map(read);
  return Object.fromEntries(Object.entries(written).map(([key, member]) => [key, read(member)]));
}

function readTagged(kind: unknown, content: unknown): unknown {
  switch (kind) {
    case 'n':
    case 'i':
      return kind === 'n' ? Number(content) : BigInt(content as string);
    case 'o':
      return Object.assign(Object.create(null), read(content));
    case 'a':
      return (content as unknown[]).map(read);
    case 'd':
      return new Date(content as number);
    case 'm': {
      const entries = (content as unknown[]).map(read);
      return new Map(entries.flatMap((key, at) => (at % 2 === 0 ? [[key, entries[at + 1]] as const] : [])));
    }
    case 's':
      return new Set((content as unknown[]).map(read));
    case 'b':
      return new Uint8Array(content as number[]);
    case 'e':
      return new ExactJson(content as string);
    default:
      return undefined;
  }
}

const refused = (path: string, what: string): InvalidInput =>
  new InvalidInput(
    'cache.value-refused',
    `The value holds ${what} at "${path}", which would not come back from a cache as it is.`,
    'Cache plain objects, arrays, maps, sets, dates, bigints, bytes and ExactJson; make others of them when you read.',
  );
