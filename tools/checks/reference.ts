// Writes the reference pages that follow from the sources: `npx node tools/checks/reference.ts --write`.
import { platformSettings, settingRows } from '@groundwork/configuration';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codedErrors, metrics } from './source-facts.ts';
import { files, root } from './workspace.ts';

const generated =
  'This page is written by `npx node tools/checks/reference.ts --write` from the sources; a test compares.';

/** The pages by their paths, as the sources give them today. */
export async function referencePages(): Promise<Readonly<Record<string, string>>> {
  return {
    'docs/reference/errors.md': errorsPage(),
    'docs/reference/metrics.md': metricsPage(),
    'docs/reference/settings.md': await settingsPage(),
  };
}

function errorsPage(): string {
  const rows = codedErrors().map(
    ({ code, kind, happened, next }) => `| \`${code}\` | ${kind} | ${happened} | ${next} |`,
  );
  return page('Errors', [
    'Every expected error carries a stable `code`, what happened, and what to do next. Match on the code, never on the',
    'words. The api answers errors as problems (RFC 9457) with the same code. `…` stands for a value of the case.',
    '',
    ...table(['code', 'kind', 'what happened', 'what to do'], rows),
  ]);
}

async function settingsPage(): Promise<string> {
  const groups = { ...platformSettings, ...(await contextSettings()) };
  const rows = settingRows(groups).map(({ variable, preset, allowed, description, secret }) => {
    const value = preset === '' ? '' : `\`${preset}\``;
    return `| \`${variable}\` | ${cell(description)}${secret ? ' Secret.' : ''} | ${cell(allowed)} | ${value} |`;
  });
  return page('Settings', [
    'Settings are environment variables. `X_FILE` names a file that holds the value of `X`. All faults are listed at',
    'once when a program starts, and an unknown `GW_…` is refused with a suggestion.',
    '',
    ...table(['variable', 'what it sets', 'allowed', 'default'], rows),
  ]);
}

/** What each context's `*.settings.ts` exports. */
async function contextSettings(): Promise<typeof platformSettings> {
  const modules = files('packages/contexts', '.settings.ts').map((path) => import(join(root, path)));
  return Object.assign({}, ...(await Promise.all(modules)));
}

function metricsPage(): string {
  const rows = metrics().map(({ name, kind, help, labels }) => {
    return `| \`${name}\` | ${kind} | ${help} | ${labels.map((label) => `\`${label}\``).join(', ')} |`;
  });
  return page('Metrics', [
    'Every program serves its metrics for Prometheus at `/metrics` of its management port. Labels never hold an id.',
    '',
    ...table(['metric', 'kind', 'what it tells', 'labels'], rows),
  ]);
}

const page = (title: string, lines: readonly string[]): string =>
  [`# ${title}`, '', ...lines, '', generated, ''].join('\n');

const table = (heads: readonly string[], rows: readonly string[]): readonly string[] => [
  `| ${heads.join(' | ')} |`,
  `|${heads.map(() => ' --- ').join('|')}|`,
  ...rows,
];

const cell = (text: string): string => text.replaceAll('|', '\\|');

if (import.meta.main) {
  const isWriting = process.argv.includes('--write');
  for (const [path, text] of Object.entries(await referencePages())) {
    if (isWriting) writeFileSync(join(root, path), text);
    else process.stdout.write(text);
  }
}
