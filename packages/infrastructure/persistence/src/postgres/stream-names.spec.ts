import { describe, expect, it } from '@jest/globals';
import type { RunStatement, Statement } from './database.ts';
import { StreamNames } from './stream-names.ts';

/** A table in which every number up to `last` has a name. */
function table(prefix: string, last = Infinity) {
  const asked: string[][] = [];
  const query = (async ({ values }: Statement) => {
    const numbers = (values as [number[]])[0].map(String);
    asked.push(numbers);
    return numbers.filter((number) => Number(number) <= last).map((number) => row(prefix, number));
  }) as RunStatement;
  return { asked, query };
}
const row = (prefix: string, number: string) => ({ stream_id: number, type: 'order', id: `${prefix}-${number}` });
const idsOf = async (names: ReturnType<StreamNames['of']>) => (await names)?.map(({ id }) => id);

describe('StreamNames', () => {
  it('asks once for what it does not know, and gives names in the order of the numbers', async () => {
    const [names, { asked, query }] = [new StreamNames(), table('a')];
    expect(await idsOf(names.of([2, 1, 2], 't', query))).toEqual(['a-2', 'a-1', 'a-2']);
    expect(await idsOf(names.of([1, 3], 't', query))).toEqual(['a-1', 'a-3']);
    expect(await idsOf(names.of([3, 2], 't', query))).toEqual(['a-3', 'a-2']);
    expect(asked).toEqual([['2', '1'], ['3']]);
  });

  it('forgets everything when the numbers are of another table', async () => {
    const [names, before, after] = [new StreamNames(), table('a'), table('b')];
    await names.of([1], 'before', before.query);
    expect(await idsOf(names.of([1], 'after', after.query))).toEqual(['b-1']);
  });

  it('says so when a number has no name', async () => {
    const [names, { query }] = [new StreamNames(), table('a', 1)];
    expect(await names.of([1, 2], 't', query)).toBeUndefined();
    expect(await idsOf(names.of([1], 't', query))).toEqual(['a-1']);
  });

  it('keeps what is asked for and forgets the rest, and gives all names of a page larger than itself', async () => {
    const [names, { asked, query }] = [new StreamNames(3), table('a')];
    const many = Array.from({ length: 10 }, (_, at) => at + 1);
    expect(await idsOf(names.of(many, 't', query))).toEqual(many.map((number) => `a-${number}`));
    for (const number of [11, 12, 10, 13, 10, 14, 15, 10]) await names.of([number], 't', query);
    expect(asked.slice(1).flat()).toEqual(['11', '12', '13', '14', '15']);
    await names.of([1], 't', query);
    expect(asked.at(-1)).toEqual(['1']);
  });
});
