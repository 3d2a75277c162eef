import * as fs from 'node:fs';

const runsSource = import.meta.url.endsWith('.ts');

/** The text of the steward's program. From source it is compiled first: Node 20 reads no TypeScript. */
export async function stewardProgram(): Promise<Buffer> {
  const source = new URL(`./guest-steward.${runsSource ? 'ts' : 'js'}`, import.meta.url);
  const text = fs.readFileSync(source);
  if (!runsSource) return text;
  const { default: typescript } = await import('typescript');
  const { ScriptTarget, ModuleKind } = typescript;
  const compilerOptions = {
    target: ScriptTarget.ES2022,
    module: ModuleKind.ESNext,
    verbatimModuleSyntax: true,
  };
  return Buffer.from(typescript.transpileModule(text.toString(), { compilerOptions }).outputText);
}
