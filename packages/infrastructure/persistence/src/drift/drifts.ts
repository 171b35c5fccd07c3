// Where the table of a read model is not what the program declares, and what to do about each.
import { textOf } from '../read-model-index.ts';
import type { DeclaredColumn, DeclaredTable } from './declared-table.ts';
import type { FoundColumn, FoundTable } from './found-table.ts';

const REPAIR = 'gw projections repair --projection NAME builds the read model anew in the declared shape.';

/** By kind: what is wrong, what to do next, and whether a repair does it. */
export const DRIFTS = {
  'table-missing': ['The table is not there', REPAIR],
  'table-case': ['A table is there whose name differs in its case', REPAIR],
  'column-missing': ['A declared column is not there', REPAIR],
  'column-extra': ['A column is there that nothing declares', `Declare it, or: ${REPAIR}`],
  'column-type': ['A column is of another type, collation or nullability', REPAIR],
  'column-case': ['The name of a column differs in its case', REPAIR],
  'key-missing': ['The primary key is not tenant and key', REPAIR],
  'unique-missing': ['A declared unique constraint is not there', REPAIR],
  'index-missing': [
    'A declared index is not there',
    'A repair makes those that are declared with readModelIndex; create others as the migration of the context does.',
  ],
  'row-security-off': ['Row-level security is not enabled and forced', REPAIR],
  'policy-missing': ['Row-level security lets a program not do what it has to', REPAIR],
  'right-missing': ['A program lacks a right on the table', REPAIR],
} as const;

export type DriftKind = keyof typeof DRIFTS;

export interface Drift {
  readonly kind: DriftKind;
  /** Of the table, column, constraint or index, or what a program cannot do. */
  readonly name: string;
  readonly declared: string | null;
  readonly found: string | null;
  readonly isRepairable: boolean;
  readonly next: string;
}

export function driftsOf(declared: DeclaredTable, found: FoundTable | undefined): readonly Drift[] {
  if (found === undefined) return [drift('table-missing', declared.name, declared.name, null)];
  return [
    ...(found.name === declared.name ? [] : [drift('table-case', declared.name, declared.name, found.name)]),
    ...columnDrifts(declared, found),
    ...(isSame(declared.key, found.key)
      ? []
      : [drift('key-missing', declared.name, declared.key.join(', '), found.key.join(', ') || null)]),
    ...missing('unique-missing', namesOf(declared.uniques), found.indexes),
    ...declared.indexes
      .filter(({ name }) => !found.indexes.includes(name))
      .map(({ name, definition }) => ({
        ...drift('index-missing', name, definition === undefined ? name : textOf(definition), null),
        isRepairable: definition !== undefined,
      })),
    ...(found.isRowSecurityForced ? [] : [drift('row-security-off', declared.name, 'forced', null)]),
    ...found.withoutPolicy.map((what) => drift('policy-missing', what, what, null)),
    ...found.withoutRight.map((what) => drift('right-missing', what, what, null)),
  ];
}

function columnDrifts(declared: DeclaredTable, found: FoundTable): readonly Drift[] {
  const [wanted, there] = [namesOf(declared.columns), namesOf(found.columns)];
  const otherCase = new Map<string, string>();
  for (const name of wanted.filter((one) => !there.includes(one))) {
    const twin = there.find((one) => !wanted.includes(one) && one.toLowerCase() === name.toLowerCase());
    if (twin !== undefined) otherCase.set(name, twin);
  }
  const twins = new Set(otherCase.values());
  return [
    ...declared.columns.flatMap((column): readonly Drift[] => {
      const twin = otherCase.get(column.name);
      const same = found.columns.find(({ name }) => name === (twin ?? column.name));
      if (same === undefined) return [drift('column-missing', column.name, column.definition, null)];
      return [
        ...(twin === undefined ? [] : [drift('column-case', column.name, column.name, twin)]),
        ...typeDrift(column, same, found.declaredTypes[column.name]!),
      ];
    }),
    ...found.columns
      .filter(({ name }) => !wanted.includes(name) && !twins.has(name))
      .map((column) => drift('column-extra', column.name, null, shapeOf(column))),
  ];
}

function typeDrift({ name, details }: DeclaredColumn, found: FoundColumn, declaredType: string): readonly Drift[] {
  const declared = shapeOf({
    type: declaredType,
    collation: details?.collation ?? null,
    isNotNull: details?.isNotNull,
  });
  const actual = details === undefined ? found.type : shapeOf(found);
  return declared === actual ? [] : [drift('column-type', name, declared, actual)];
}

const shapeOf = ({
  type,
  collation,
  isNotNull = false,
}: {
  readonly type: string;
  readonly collation: string | null;
  readonly isNotNull?: boolean | undefined;
}): string =>
  [type, ...(collation === null ? [] : [`collate ${collation}`]), ...(isNotNull ? ['not null'] : [])].join(' ');

const missing = (kind: DriftKind, wanted: readonly string[], there: readonly string[]): readonly Drift[] =>
  wanted.filter((name) => !there.includes(name)).map((name) => drift(kind, name, name, null));

function drift(kind: DriftKind, name: string, declared: string | null, found: string | null): Drift {
  const [, next] = DRIFTS[kind];
  return { kind, name, declared, found, isRepairable: true, next };
}

const namesOf = (named: readonly { readonly name: string }[]): readonly string[] => named.map(({ name }) => name);

const isSame = (one: readonly string[], other: readonly string[]): boolean => one.join() === other.join();
