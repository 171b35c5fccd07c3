// The house rules that can be seen in one file: who may import whom, what models may not do, and how code is shaped.
process.env.NX_DAEMON = 'false'; // Linting leaves no process behind.
import js from '@eslint/js';
import { createProjectGraphAsync } from '@nx/devkit';
import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import { readdirSync } from 'node:fs';
import typescript from 'typescript-eslint';

// Without a fresh project graph the boundary rule would pass everything in silence, as it would on a fresh clone.
await createProjectGraphAsync();

/** What a layer may import from the layers below it; ARCHITECTURE.md says why. */
const layersBelow = {
  domain: [],
  application: ['domain'],
  infrastructure: ['domain', 'application'],
  configuration: ['domain', 'application', 'infrastructure'],
  testing: ['domain', 'application'],
  context: ['domain', 'application'],
  app: ['configuration', 'context', 'application'],
};
/** The only packages from outside that a layer may import; other layers may use their own technology. */
const externals = { domain: [], application: ['zod'] };
const testTools = ['@jest/globals', 'fast-check'];

const contexts = readdirSync(new URL('packages/contexts', import.meta.url));

/** `inTests` opens @groundwork/testing and the test tools, `inAdapters` what infrastructure offers to contexts. */
function boundaries({ inTests = false, inAdapters = false }) {
  const layers = Object.entries(layersBelow).map(([layer, below]) => ({
    sourceTag: `layer:${layer}`,
    onlyDependOnLibsWithTags: [
      ...below.map((name) => `layer:${name}`),
      ...(inTests ? ['layer:testing'] : []),
      ...(layer === 'context' && inAdapters ? ['offers:adapters'] : []),
      ...(['context', 'app'].includes(layer) && inTests ? ['layer:domain', 'offers:adapters'] : []),
    ],
    ...(layer in externals ? { allowedExternalImports: [...externals[layer], ...(inTests ? testTools : [])] } : {}),
  }));
  const owners = contexts.map((name) => ({
    sourceTag: `context:${name}`,
    onlyDependOnLibsWithTags: ['context:platform'],
  }));
  return [
    'error',
    {
      banTransitiveDependencies: true,
      // Their own specs stand on the testing package, which stands on them.
      ignoredCircularDependencies: [
        ['@groundwork/testing', '@groundwork/domain'],
        ['@groundwork/testing', '@groundwork/application'],
      ],
      depConstraints: [...layers, ...owners],
    },
  ];
}

const noInversify = {
  name: 'inversify',
  message: 'Wire in *.module.ts; everything else is plain functions and classes.',
};
const noContainer = { paths: [noInversify] };
const relative = '\\.{1,2}/';
const allBut = (allowed, message) => ({ regex: `^(?!${allowed})`, message });
const applicationImports = {
  paths: [noInversify],
  patterns: [
    { regex: '^node:', message: 'The application runs anywhere: what the machine offers arrives through a port.' },
  ],
};
const featureImports = {
  paths: [noInversify],
  patterns: [
    { regex: '^\\.{1,2}/(.*/)?adapters/', message: 'A feature declares a port; the module hands it the adapter.' },
  ],
};
const domainImports = {
  patterns: [allBut(relative, 'The domain imports nothing: hand time, ids and chance in as arguments.')],
};
const modelImports = {
  patterns: [
    allBut(`${relative}|@groundwork/domain$`, 'A model imports @groundwork/domain and its own model/ only.'),
    {
      regex: '^\\.{1,2}/(.*/)?(features|adapters)/|\\.module\\.ts$',
      message: 'A model knows nothing of features, adapters and wiring.',
    },
  ],
};

const shape = [
  { selector: 'ExportAllDeclaration', message: 'Name what is exported.' },
  { selector: 'TSEnumDeclaration', message: 'Use a union of literals: enums are not erasable.' },
];
const noDefaultExport = { selector: 'ExportDefaultDeclaration', message: 'Export by name.' };
const noClock = 'A model does not know the time: take it from the command.';
const noChance = 'A model does not throw dice: take the value from the command.';
const pure = [
  { selector: 'ImportExpression', message: 'What a model imports stands at its top.' },
  {
    selector: ':not(NewExpression, CallExpression, MemberExpression, TSTypeReference) > Identifier[name="Date"]',
    message: 'Date under another name would be a clock that no rule sees.',
  },
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: noClock },
  { selector: 'CallExpression[callee.name="Date"]', message: noClock },
  { selector: 'MemberExpression[object.name="Date"][property.name="now"]', message: noClock },
  { selector: 'MemberExpression[object.name="Math"][property.name="random"]', message: noChance },
];
const impureGlobals = [
  'performance',
  'crypto',
  'process',
  'globalThis',
  'fetch',
  'console',
  'setTimeout',
  'setInterval',
  'setImmediate',
].map((name) => ({ name, message: 'A model is pure: what it needs arrives in the command.' }));

const specs = ['**/*.spec.ts', '**/*-under-test.ts'];
const models = ['packages/domain/src/**/*.ts', 'packages/contexts/*/src/model/**/*.ts'];
const seesContainer = ['**/*.module.ts', 'packages/configuration/src/**/*.ts', 'apps/*/src/main.ts', ...specs];

export default [
  { ignores: ['**/dist', '**/coverage', '**/test-output', '.nx', '.groundwork'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  ...typescript.configs.recommended,
  prettier,
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['**/*.{ts,js,mjs}'],
    plugins: { '@nx': nx },
    rules: {
      eqeqeq: ['error', 'smart'],
      'max-len': [
        'error',
        { code: 120, ignoreUrls: true, ignoreTemplateLiterals: true, ignoreStrings: true, ignoreRegExpLiterals: true },
      ],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': ['error', ...shape, noDefaultExport],
      'no-restricted-imports': ['error', noContainer],
      '@nx/enforce-module-boundaries': boundaries({}),
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'all' },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.ts'],
    ignores: specs,
    rules: { 'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }] },
  },
  {
    files: ['*.config.mjs', '*.preset.js', 'tools/test/global-*.ts'], // Jest and ESLint demand default exports.
    rules: { 'no-restricted-syntax': ['error', ...shape] },
  },
  {
    files: ['packages/contexts/*/src/adapters/**/*.ts', 'packages/contexts/*/src/*.module.ts'],
    rules: { '@nx/enforce-module-boundaries': boundaries({ inAdapters: true }) },
  },
  { files: seesContainer, rules: { 'no-restricted-imports': 'off' } },
  {
    files: models,
    ignores: specs,
    rules: {
      'no-restricted-syntax': ['error', ...shape, noDefaultExport, ...pure],
      'no-restricted-globals': ['error', ...impureGlobals],
    },
  },
  {
    files: ['packages/application/src/**/*.ts'],
    ignores: specs,
    rules: { 'no-restricted-imports': ['error', applicationImports] },
  },
  {
    files: ['packages/contexts/*/src/features/**/*.ts'],
    ignores: specs,
    rules: { 'no-restricted-imports': ['error', featureImports] },
  },
  {
    files: ['packages/domain/src/**/*.ts'],
    ignores: specs,
    rules: { 'no-restricted-imports': ['error', domainImports] },
  },
  {
    files: ['packages/contexts/*/src/model/**/*.ts'],
    ignores: specs,
    rules: { 'no-restricted-imports': ['error', modelImports] },
  },
  { files: specs, rules: { '@nx/enforce-module-boundaries': boundaries({ inTests: true }) } },
];
