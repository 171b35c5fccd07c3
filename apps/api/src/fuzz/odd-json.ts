// JSON that is hard to keep as it is, and bodies that only look like JSON.
import type { Random } from './random.ts';

const NUMBERS = [
  '0',
  '-0',
  '1',
  '-1',
  '1.50',
  '0.1e-7',
  '1E5',
  '1e+5',
  '5e-324',
  '1e308',
  '1e400',
  '-1e400',
  '9007199254740993',
  '12345678901234567890',
  '9223372036854775807',
  '9223372036854775808',
  '18446744073709551616',
  '1778192987716501507',
  '0.1234567890123456789',
  '123456789012345678901234567890.123456789',
  '1e-400',
  '1e99999',
  '01',
  '+1',
  '.5',
  '5.',
  '0x10',
  'NaN',
  'Infinity',
  '--1',
  '1_000',
  '1e',
  '٣',
  '1'.repeat(399),
  `0.${'0'.repeat(397)}1`,
  `1${'0'.repeat(50_000)}.0`,
  `0.${'0'.repeat(50_000)}1`,
  `0.1${'0'.repeat(50_000)}1`,
  `1e${'0'.repeat(50_000)}1`,
];
const TEXTS = [
  '""',
  '"ä"',
  '"\\u00e4"',
  '"a\\u0000b"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\ud83d\\ude00"',
  '"😀"',
  '"\\u202e"',
  '"\ufeff"',
  '"\uffff"',
  '"\\/"',
  '"e\\u0301"',
  '"\\u2028"',
  '"line\nbreak"',
  '"\\x41"',
  '"\\u12"',
  "'single'",
  '"open',
  '"\\b\\f\\n\\r\\t"',
  '"<script>"',
  '"\'; DROP TABLE event; --"',
  '"${jndi:ldap://x}"',
  '"%00"',
  '"\u0085"',
  '"\u007f"',
];
const KEYS = [
  '"a"',
  '""',
  '"__proto__"',
  '"constructor"',
  '"prototype"',
  '"\\u005f_proto__"',
  '"toJSON"',
  '"toString"',
  '"$ref"',
  '"1"',
  '"10"',
  '"2"',
  '"length"',
  '"a\\u0000"',
  '"\\ud800"',
  '"hasOwnProperty"',
  'a',
  '"then"',
  '"rawJSON"',
];
const LITERALS = [
  'true',
  'false',
  'null',
  'True',
  'undefined',
  '[]',
  '{}',
  '[,]',
  '[1,]',
  '{,}',
  '{"a":1,}',
  '{"a":1,"a":2}',
  '//',
  '/**/1',
];

/** A body that often, but not always, is JSON: an object with the `members` that the server wants, and odd ones. */
export function oddJson(random: Random, members: string): Buffer {
  switch (random.below(12)) {
    case 0:
      return Buffer.from(`{${members},"x":${nested(random, 25 + random.below(16))}}`);
    case 1:
      return Buffer.from(nested(random, 200_000));
    case 2:
      return Buffer.from(`{${members},"x":[${Array.from({ length: 9_980 + random.below(40) }, () => '1').join(',')}]}`);
    case 3:
      return Buffer.from(`{${members},"x":"${'x'.repeat(131_060 + random.below(30))}"}`);
    case 4:
      return mangled(random, Buffer.from(oddObject(random, members, 3)));
    case 5:
      return Buffer.from(
        random.pick(['', ' ', '\u0000', `\ufeff{${members}}`, `{${members}}{${members}}`, `[{${members}}]`]),
      );
    case 6:
      return Buffer.from(value(random, 0));
    case 7:
      return Buffer.from(`{${members}}`, 'utf16le');
    case 8:
      // One of the wanted values is another.
      return Buffer.from(`{${members.replace(/:("[^"]*"|\d+)/, () => `:${value(random, 0)}`)}}`);
    default:
      return Buffer.from(oddObject(random, members, 3));
  }
}

function oddObject(random: Random, members: string, depth: number): string {
  const odd = Array.from({ length: random.below(5) }, () => {
    const colon = random.pick([':', ' : ', ':\n']);
    return `${random.pick(KEYS)}${colon}${value(random, depth)}`;
  });
  return `{${[members, ...odd].filter((member) => member !== '').join(', ')}}`;
}

function value(random: Random, depth: number): string {
  const kind = random.below(depth > 0 ? 6 : 4);
  if (kind <= 1) return random.pick(NUMBERS);
  if (kind === 2) return random.pick(TEXTS);
  if (kind === 3) return random.pick(LITERALS);
  return kind === 4 ? oddObject(random, '', depth - 1) : `[${value(random, depth - 1)},${value(random, depth - 1)}]`;
}

function nested(random: Random, depth: number): string {
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ] as const);
  return open.repeat(depth) + (open === '[' ? '' : '1') + close.repeat(depth);
}

/** A byte changed, removed, added, or the end cut off. */
function mangled(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length);
  switch (random.below(4)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(1), bytes.subarray(at + 1)]);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(4)), bytes.subarray(at)]);
    default:
      return bytes.subarray(0, at);
  }
}
