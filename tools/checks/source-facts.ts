// What the sources say about errors and metrics, read from their syntax without running them.
import ts from 'typescript';
import { readText, sources } from './workspace.ts';

export interface CodedErrorFact {
  readonly code: string;
  /** The error's class. */
  readonly kind: string;
  readonly happened: string;
  readonly next: string;
}

export interface MetricFact {
  readonly name: string;
  readonly kind: string;
  readonly help: string;
  readonly labels: readonly string[];
}

const CODE = /^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*$/;
const METRIC = /^[a-z]+(_[a-z]+)+$/;
const METRIC_KINDS = new Set(['counter', 'gauge', 'histogram']);

/** Each code once, in alphabetical order, with the words of its first place. */
export function codedErrors(): readonly CodedErrorFact[] {
  // Where a code stands in several places, the place that says what to do speaks for all.
  const facts = factsOf(codedErrorAt).toSorted((a, b) => Number(a.next === '') - Number(b.next === ''));
  return firstOfEach(facts, (fact) => fact.code);
}

/** Each metric once, in alphabetical order. */
export function metrics(): readonly MetricFact[] {
  return firstOfEach(factsOf(metricAt), (fact) => fact.name);
}

/** The packages that a file imports; Node's own and the file's neighbours are none. */
export function externalImports(path: string): readonly string[] {
  const { importedFiles } = ts.preProcessFile(readText(path), true, true);
  return importedFiles
    .map(({ fileName }) => fileName)
    .filter((name) => !/^(\.|node:|#)/.test(name))
    .map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)![0]);
}

/**
 * Where a code stands before the words of its error: `new Refusal('area.reason', happened, next)`, `super(…)`, a call
 * or a list such as `[413, 'area.reason', happened, next]`, or `{ code, message, next }`.
 */
function codedErrorAt(node: ts.Node): CodedErrorFact | undefined {
  const words = wordsOfError(node);
  const at = words.slice(0, 2).findIndex((word) => CODE.test(word));
  const [code, happened, next = ''] = words.slice(at);
  const isConstruction = ts.isNewExpression(node) || (ts.isCallExpression(node) && isSuper(node));
  if (at < 0 || happened === undefined || (!isConstruction && !/[ …]/.test(happened))) return undefined;
  const kind = ts.isNewExpression(node) ? node.expression.getText() : isConstruction ? classAround(node) : '';
  return { code: code!, kind: kind ?? '', happened: cell(happened), next: cell(next) };
}

function wordsOfError(node: ts.Node): readonly string[] {
  if (ts.isNewExpression(node) || ts.isCallExpression(node)) return (node.arguments ?? []).map(wordsOf);
  if (ts.isArrayLiteralExpression(node)) return node.elements.map(wordsOf);
  if (!ts.isObjectLiteralExpression(node)) return [];
  return ['code', 'message', 'next'].flatMap((name) => {
    const property = node.properties.find((each) => each.name?.getText() === name);
    return property && ts.isPropertyAssignment(property) ? [wordsOf(property.initializer)] : [];
  });
}

const isSuper = (call: ts.CallExpression): boolean => call.expression.kind === ts.SyntaxKind.SuperKeyword;

/** `metrics.counter('name', 'help', ['label'])`. */
function metricAt(node: ts.Node): MetricFact | undefined {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return undefined;
  const kind = node.expression.name.text;
  const [name, help, labels] = node.arguments;
  if (!METRIC_KINDS.has(kind) || !name || !help || !METRIC.test(wordsOf(name))) return undefined;
  return { name: wordsOf(name), kind, help: cell(wordsOf(help)), labels: labels === undefined ? [] : listOf(labels) };
}

/** The texts of a list that stands there, or in a constant of the file; `…` for what cannot be read. */
function listOf(node: ts.Expression): readonly string[] {
  if (ts.isArrayLiteralExpression(node)) return node.elements.map(wordsOf);
  if (ts.isAsExpression(node)) return listOf(node.expression);
  const value = ts.isIdentifier(node) ? valueNamed(node.text, node.getSourceFile()) : undefined;
  return value === undefined ? ['…'] : listOf(value);
}

function factsOf<Fact>(factAt: (node: ts.Node) => Fact | undefined): readonly Fact[] {
  const facts: Fact[] = [];
  const visit = (node: ts.Node): void => {
    const fact = factAt(node);
    if (fact !== undefined) facts.push(fact);
    ts.forEachChild(node, visit);
  };
  for (const path of sources()) {
    visit(ts.createSourceFile(path, readText(path), ts.ScriptTarget.Latest, true));
  }
  return facts;
}

/** A text as it is written, with `…` for what is filled in. */
function wordsOf(node: ts.Expression): string {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return node.head.text + node.templateSpans.map((span) => `…${span.literal.text}`).join('');
  }
  // A fallback: what stands there when nothing better is known.
  if (ts.isConditionalExpression(node)) return wordsOf(node.whenFalse);
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken) {
    return wordsOf(node.right);
  }
  if (ts.isBinaryExpression(node)) return wordsOf(node.left) + wordsOf(node.right);
  const value = ts.isIdentifier(node) ? valueNamed(node.text, node.getSourceFile()) : undefined;
  return value !== undefined && ts.isStringLiteralLike(value) ? value.text : '…';
}

/** What a constant of the file is set to. */
function valueNamed(name: string, node: ts.Node): ts.Expression | undefined {
  if (ts.isVariableDeclaration(node) && node.name.getText() === name && node.initializer !== undefined) {
    return node.initializer;
  }
  return ts.forEachChild(node, (child) => valueNamed(name, child));
}

function classAround(node: ts.Node): string | undefined {
  if (ts.isClassDeclaration(node)) return node.name?.text;
  return node.parent === undefined ? undefined : classAround(node.parent);
}

function firstOfEach<Fact>(facts: readonly Fact[], keyOf: (fact: Fact) => string): readonly Fact[] {
  const first = new Map(facts.toReversed().map((fact) => [keyOf(fact), fact]));
  return [...first.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
