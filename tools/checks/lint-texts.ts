// Lints texts as if they stood in files of the workspace in the current folder: JSON in, JSON out.
import { ESLint } from 'eslint';
import { text } from 'node:stream/consumers';

/** In: `{path: text}`. Out: `{path: [rule]}`. Texts are never written, so the project graph stays free of them. */
const texts = JSON.parse(await text(process.stdin)) as Record<string, string>;
const eslint = new ESLint();
const refusals: Record<string, readonly (string | null)[]> = {};
for (const [filePath, source] of Object.entries(texts)) {
  const [result] = await eslint.lintText(source, { filePath });
  refusals[filePath] = result!.messages.map((message) => message.ruleId ?? message.message);
}
process.stdout.write(JSON.stringify(refusals));
