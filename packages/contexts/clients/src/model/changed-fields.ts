// Which fields a change event sets, and which it clears: names or bitmaps, whole fields or parts of compound ones.

export type JsonObject = Readonly<Record<string, unknown>>;

export interface Changes {
  /** New values by path: `Industry`, `BillingAddress.Country`. */
  readonly set: ReadonlyMap<string, unknown>;
  /** Paths that are empty now; a compound field stands for all its parts. */
  readonly nulled: ReadonlySet<string>;
  /** Paths whose value came as a difference only, which cannot be applied without the record itself. */
  readonly partial: ReadonlySet<string>;
}

export interface ChangedPayload {
  readonly kind: string;
  readonly payload: JsonObject;
  readonly header: JsonObject;
  readonly headerName: string;
  /** True when only changed fields are there; otherwise a null says nothing unless the field is named. */
  readonly relayed: boolean;
}

type Complain = (pointer: string, message: string) => void;

// JSON.isRawJSON is ECMAScript 2026; TypeScript's libraries do not know it yet.
const isRawJson = (JSON as unknown as { isRawJSON(value: unknown): boolean }).isRawJSON;

/** An object of the payload; a number that a double cannot hold is none, though it looks like one. */
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawJson(value);

/** The order in which Salesforce declares the parts of an address; needed when none of them has a value. */
const ADDRESS_PARTS = [
  'Street',
  'City',
  'State',
  'PostalCode',
  'Country',
  'StateCode',
  'CountryCode',
  'Latitude',
  'Longitude',
  'Xyz',
  'GeocodeAccuracy',
];
const BITMAP = /^(?:(\d{1,5})-)?(0x[0-9a-fA-F]+)$/;
const PATH_LENGTH_MAX = 2_000;

/** Reads the fields of a payload. What cannot be understood is told to `complain`, with a pointer into the payload. */
export function changesOf(changed: ChangedPayload, complain: Complain): Changes {
  const { kind, payload, headerName } = changed;
  const nulled = new Set(pathsOf('nulledFields', changed, complain));
  const listed = pathsOf('changedFields', changed, complain);
  const partial = new Set(pathsOf('diffFields', changed, complain));
  if (kind.startsWith('GAP_')) return { set: new Map(), nulled: new Set(), partial: new Set() };
  const present = Object.keys(payload)
    .filter((name) => name !== headerName)
    .flatMap((name) => leaves(name, payload[name]));
  const set = new Map<string, unknown>();
  for (const path of kind === 'UPDATE' ? updatedPaths(changed, listed, present) : present) {
    if (path.length > PATH_LENGTH_MAX) complain('', `A field's name is longer than ${PATH_LENGTH_MAX} characters.`);
    else if (!isUnder(path, nulled) && !isUnder(path, partial)) {
      const value = valueAt(payload, path);
      if (value === null && kind === 'UPDATE') nulled.add(path);
      else if (value !== null && value !== undefined) set.set(path, value);
    }
  }
  return { set, nulled, partial };
}

/** Whether the path, or a compound field that it is a part of, is among the given ones. */
export function isUnder(path: string, among: ReadonlySet<string>): boolean {
  for (let end = path.indexOf('.'); end !== -1; end = path.indexOf('.', end + 1)) {
    if (among.has(path.slice(0, end))) return true;
  }
  return among.has(path);
}

/**
 * The paths that an update touches. Pub/Sub sends all fields, so only the listed ones count. EventBridge sends changed
 * fields only: one that is there with a value changed, listed or not. Where nothing is listed, what has a value
 * changed, and a null that EventBridge took the trouble to send clears its field.
 */
function updatedPaths(
  { payload, relayed }: ChangedPayload,
  listed: readonly string[],
  present: readonly string[],
): Iterable<string> {
  const touched = new Set(listed.flatMap((path) => leaves(path, valueAt(payload, path))));
  if (listed.length > 0 && !relayed) return touched;
  const inParts = compoundsOf(listed);
  const nullsClear = relayed && listed.length === 0;
  for (const path of present) {
    if (!isUnder(path, inParts) && (nullsClear || valueAt(payload, path) !== null)) touched.add(path);
  }
  return touched;
}

/** The elements of a header's list: names as they are, bitmaps by the order in which the payload has its fields. */
function pathsOf(
  field: string,
  { payload, header, headerName }: ChangedPayload,
  complain: Complain,
): readonly string[] {
  const list = header[field] ?? [];
  const at = `${headerName}/${field}`;
  if (!Array.isArray(list)) {
    complain(at, 'Send a list of field names or bitmaps.');
    return [];
  }
  const declared = [headerName, ...Object.keys(payload).filter((name) => name !== headerName)];
  const paths = list.flatMap((element: unknown, index) => {
    if (typeof element !== 'string' || element.length > PATH_LENGTH_MAX) {
      complain(`${at}/${index}`, `Send a field name or a bitmap as text of at most ${PATH_LENGTH_MAX} characters.`);
      return [];
    }
    const [, parentIndex, bitmap] = BITMAP.exec(element) ?? [];
    if (bitmap === undefined) return [element];
    const named = (names: readonly string[]) =>
      namesOf(bitmap, names, (message) => complain(`${at}/${index}`, message));
    if (parentIndex === undefined) return named(declared).filter((name) => name !== headerName);
    const parent = declared[Number(parentIndex)] ?? '';
    return named(declaredParts(parent, payload)).map((part) => `${parent}.${part}`);
  });
  // A compound field whose parts are listed changed in these parts only.
  const inParts = compoundsOf(paths);
  return paths.filter((path) => !inParts.has(path));
}

const compoundsOf = (paths: readonly string[]): ReadonlySet<string> =>
  new Set(paths.filter((path) => path.includes('.')).map((path) => path.slice(0, path.indexOf('.'))));

function namesOf(bitmap: string, declared: readonly string[], complain: (message: string) => void): readonly string[] {
  const bits = BigInt(bitmap).toString(2);
  if (bits !== '0' && bits.length > declared.length) {
    complain(`Bit ${bits.length - 1} stands for no field: ${declared.length} are declared.`);
  }
  return declared.filter((_, bit) => bits.at(-1 - bit) === '1');
}

function declaredParts(parent: string, payload: JsonObject): readonly string[] {
  const value = payload[parent];
  if (isJsonObject(value)) return Object.keys(value);
  return parent.endsWith('Address') ? ADDRESS_PARTS : [];
}

function leaves(name: string, value: unknown): readonly string[] {
  return isJsonObject(value)
    ? Object.entries(value).flatMap(([part, inner]) => leaves(`${name}.${part}`, inner))
    : [name];
}

/** The value at a path; undefined when the payload does not have it. A part of an empty compound field is empty. */
function valueAt(payload: JsonObject, path: string): unknown {
  if (Object.hasOwn(payload, path)) return payload[path];
  let value: unknown = payload;
  for (const name of path.split('.')) {
    if (value === null) return null;
    value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value;
}
