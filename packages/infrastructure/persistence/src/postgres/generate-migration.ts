// Writes the migration that brings the database to what the entities say.
import type { EntitySchema } from 'typeorm';
import { withSchema } from './migrate.ts';

/** Statements in the order in which they run. */
export interface SchemaDifference {
  readonly up: readonly string[];
  readonly down: readonly string[];
}

export interface GeneratedMigration extends SchemaDifference {
  /** `AddNickname1763720000000` */
  readonly className: string;
  /** `1763720000000-add-nickname.ts` */
  readonly fileName: string;
  /** The source of the class. */
  readonly text: string;
}

/** What the tables of these entities lack, or have too much, in the database as it is; both empty when they agree. */
export async function schemaDifference(url: string, entities: readonly EntitySchema[]): Promise<SchemaDifference> {
  return withSchema(url, { entities: [...entities] }, async (source) => {
    const { upQueries, downQueries } = await source.driver.createSchemaBuilder().log();
    return {
      up: upQueries.map(({ query }) => query),
      down: downQueries.map(({ query }) => query).reverse(),
    };
  });
}

/**
 * The migration from the database as it is to what the entities say; undefined when they agree. `name` is in kebab
 * case and says what changes. Policies, grants, and covering and partial indexes are not in an entity: whoever asked
 * adds them.
 */
export async function generateMigration(
  url: string,
  entities: readonly EntitySchema[],
  named: { readonly name: string; readonly at: Date },
): Promise<GeneratedMigration | undefined> {
  const difference = await schemaDifference(url, entities);
  return difference.up.length === 0 ? undefined : migrationOf(difference, named);
}

/** The migration that runs these statements. */
export function migrationOf(
  difference: SchemaDifference,
  { name, at }: { readonly name: string; readonly at: Date },
): GeneratedMigration {
  const className = `${pascalCase(name)}${at.getTime()}`;
  return {
    ...difference,
    className,
    fileName: `${at.getTime()}-${name}.ts`,
    text: sourceOf(className, name, difference),
  };
}

const sourceOf = (className: string, name: string, { up, down }: SchemaDifference): string =>
  `// ${sentence(name)}
import type { MigrationInterface, QueryRunner } from '@groundwork/persistence';

export class ${className} implements MigrationInterface {
  readonly name = '${className}';

  async up(runner: QueryRunner): Promise<void> {
${up.map(run).join('\n')}
  }

  async down(runner: QueryRunner): Promise<void> {
${down.map(run).join('\n')}
  }
}
`;

const run = (sql: string): string => `    await runner.query(\`${sql.replaceAll(/[\\`]|\$\{/g, '\\$&')}\`);`;

const pascalCase = (kebab: string): string =>
  kebab.replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());

const sentence = (kebab: string): string => `${kebab[0]!.toUpperCase()}${kebab.slice(1).replaceAll('-', ' ')}.`;
