// Compiles questions that the tables cannot answer, and sees each refused.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from './workspace.ts';

const adapters = join(root, 'packages/contexts/clients/src/adapters');
const asking = (where: string): string => `
  import { MoreThan, type FindOptionsWhere } from '@groundwork/persistence';
  import type { StoredClient } from './client-entity.ts';
  export const where: FindOptionsWhere<StoredClient> = ${where};
  export const used = MoreThan;`;

const right = `{ status: 'open', stream_version: MoreThan(3), is_deleted: false }`;
const wrong = [
  ['a column that the table does not have', `{ statsu: 'open' }`, "'statsu' does not exist"],
  ['a text for a number', `{ stream_version: 'three' }`, "'string' is not assignable to type 'number"],
  ['a number for a text', `{ status: 3 }`, "'number' is not assignable to type 'string"],
  ['a text for a boolean', `{ is_deleted: 'no' }`, "'string' is not assignable to type 'boolean"],
  ['a comparison of another type', `{ stream_version: MoreThan('three') }`, "'FindOperator<string>' is not assignable"],
] as const;

describe('a question to a read model', () => {
  let errors: (where: string) => readonly string[];
  beforeAll(() => {
    errors = compiled([right, ...wrong.map(([, where]) => where)]);
  }, 120_000);

  it('S1-56 compiles when its columns and values are those of the table', () => {
    expect(errors(right)).toEqual([]);
  });

  it.each(wrong)('S1-56 does not compile with %s', (_, where, message) => {
    expect(errors(where).join('\n')).toContain(message);
  });
});

/** What the compiler says about files beside the adapters of the clients that are not on the disk. */
function compiled(questions: readonly string[]): (where: string) => readonly string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const alone = { ...options, noEmit: true, composite: false, incremental: false, skipLibCheck: true };
  const planted = new Map(questions.map((where, at) => [join(adapters, `planted-${at}.ts`), asking(where)]));
  const host = ts.createCompilerHost(alone);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => planted.has(path) || fileExists(path);
  host.getSourceFile = (path, version, ...rest) => {
    const text = planted.get(path);
    return text === undefined ? getSourceFile(path, version, ...rest) : ts.createSourceFile(path, text, version);
  };
  const program = ts.createProgram([...planted.keys()], alone, host);
  return (where) => {
    const [path] = [...planted].find(([, text]) => text === asking(where))!;
    return program
      .getSemanticDiagnostics(program.getSourceFile(path))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  };
}
