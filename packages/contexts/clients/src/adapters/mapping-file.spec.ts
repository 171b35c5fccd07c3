import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Misconfigured } from '@groundwork/application';
import { afterAll, describe, expect, it } from '@jest/globals';
import { CLIENT_MAPPING } from '../model/client-mapping.ts';
import { mappingFromFile } from './mapping-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'mapping-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (text: string): string => {
  const path = join(folder, 'mapping.json');
  writeFileSync(path, text);
  return path;
};
const faultOf = (text: string): string => {
  try {
    mappingFromFile(file(text));
  } catch (error) {
    expect(error).toBeInstanceOf(Misconfigured);
    return (error as Misconfigured).message;
  }
  throw new Error('It was accepted.');
};

describe('a mapping file', () => {
  it('may say what the built-in mapping says', () => {
    expect(mappingFromFile(file(JSON.stringify(CLIENT_MAPPING)))).toEqual(CLIENT_MAPPING);
  });

  it('is refused with all its faults and where they are', () => {
    const fault = faultOf('{"version":0,"columns":[{"column":"name","from":["Name"]},{"column":"status","from":[]}]}');
    expect(fault).toMatch(/\/version: .*\/columns\/1/);
  });

  it.each([
    ['no JSON', 'name: Name'],
    ['a column that does not exist', '{"version":1,"columns":[{"column":"colour","from":["Colour__c"]}]}'],
    ['a column twice', '{"version":1,"columns":[{"column":"name","from":["A"]},{"column":"name","from":["B"]}]}'],
    ['a word it does not know', '{"version":1,"columns":[{"column":"name","from":["A"],"how":"upper"}]}'],
  ])('is refused for %s', (_, text) => {
    expect(faultOf(text)).toContain('mapping.json');
  });

  it('is refused when it is not there', () => {
    expect(() => mappingFromFile(join(folder, 'none.json'))).toThrow(
      expect.objectContaining({ code: 'clients.mapping-file' }),
    );
  });
});
