import { describe, expect, it } from 'vitest';
import { houseProblems, parseTrails } from './house-test.ts';
import { importProblems, importsOf } from './import-rule.ts';
import {
  existsInProject,
  isSource,
  isTest,
  projectFiles,
  readProjectFile,
  topLevelEntries,
} from './project-files.ts';
import { citedRequirements, requirementProblems } from './requirement-check.ts';
import {
  buildProblems,
  nameProblems,
  topLevelProblems,
  untestedPlugins,
  wordProblems,
} from './tidy-bans.ts';

// Planted texts are put together here, so that this file does not hold what it plants.
const unwanted = ['TO', 'DO'].join('');
const single = ['on', 'ly'].join('');
const test = ['te', 'st'].join('');
const cite = ['@', 'req'].join('');

const files = projectFiles();
const sources = files.filter(isSource);
const textFiles = files.filter((file) => file !== 'package-lock.json' && !file.endsWith('.png'));

describe('what the compiler leaves as it is', () => {
  it('is written nowhere', () => {
    expect(sources.flatMap((file) => buildProblems(file, readProjectFile(file)))).toEqual([]);
  });

  it('is a dynamic import in a function with a using, and no other', () => {
    const load = `  const { x } = await import('./x.ts');\n`;
    const hold = '  await using held = hold();\n';
    const inBody = (text: string): string => `async function f() {\n${text}}\n`;
    expect(buildProblems('a.ts', inBody(`${load}${hold}`))).toHaveLength(1);
    expect(buildProblems('a.ts', inBody(`${hold}${load}`))).toHaveLength(1);
    expect(buildProblems('a.ts', `${inBody(load)}${inBody(hold)}`)).toEqual([]);
  });
});

describe('the import rule', () => {
  it('is kept by every file', () => {
    expect(sources.flatMap((file) => importProblems(file, readProjectFile(file)))).toEqual([]);
  });

  it('convicts the harness of importing a plug-in, statically or dynamically', () => {
    const target = '../../engines/journal/index.ts';
    expect(importProblems('harness/run/x.ts', `import x from '${target}';`)).toHaveLength(1);
    expect(importProblems('harness/cli/x.ts', `await import('${target}')`)).toHaveLength(1);
    expect(
      importProblems('harness/cli/x.ts', `new URL('${target}', import.meta.url)`),
    ).toHaveLength(1);
  });

  it('convicts a plug-in of importing the harness beside the contract, or another plug-in', () => {
    const file = 'faults/drive/bit-rot/index.ts';
    const wrong = [
      '../../../harness/drive/image.ts',
      '../../../harness/contract/fault.ts',
      '../torn-write/index.ts',
      '../../../workloads/bank/index.ts',
    ];
    for (const target of wrong) {
      expect(importProblems(file, `import { x } from '${target}';`)).toHaveLength(1);
    }
  });

  it('convicts a folder of harness/ of what its row of the table does not list', () => {
    expect(importProblems('harness/ledger/x.ts', `import '../drive/image.ts';`)).toHaveLength(1);
    expect(importProblems('harness/contract/x.ts', `export * from '../sys/x.ts';`)).toHaveLength(1);
    expect(
      importProblems('harness/run/x.ts', `import type { X } from '../cli/x.ts';`),
    ).toHaveLength(1);
  });

  it('acquits the contract, the own folder, a named file of the layer, and the table', () => {
    const fault = 'faults/drive/bit-rot/index.ts';
    expect(importProblems(fault, `from '../../../harness/contract/index.ts'`)).toEqual([]);
    expect(importProblems(fault, `from './options.ts'`)).toEqual([]);
    expect(importProblems(fault, `from '../drive-fault.ts'`)).toEqual([]);
    expect(importProblems('engines/journal/format/page.ts', `from '../ring.ts'`)).toEqual([]);
    expect(importProblems('harness/run/x.ts', `from '../drive/image.ts'`)).toEqual([]);
  });

  it('lets a test import what it tests with, and nobody import a test', () => {
    const engine = '../../engines/journal/index.ts';
    expect(importProblems('harness/run/x.test.ts', `from '${engine}'`)).toEqual([]);
    expect(importProblems('harness/run/x.test.ts', `from './y.${test}.ts'`)).toHaveLength(1);
  });

  it('sees every form of a relative import', () => {
    const source = `
      import a from './a.ts'; import './b.ts'; export * from "../c.ts";
      import {
        d,
      } from './d.ts'; const e = await import('./e.ts'); import f from 'yaml';`;
    expect(importsOf(source)).toEqual(['./a.ts', './b.ts', '../c.ts', './d.ts', './e.ts']);
  });
});

describe('bans', () => {
  it('are kept by every file (@req K7)', () => {
    expect(textFiles.flatMap((file) => wordProblems(file, readProjectFile(file)))).toEqual([]);
    expect(files.flatMap(nameProblems)).toEqual([]);
    expect(topLevelProblems(topLevelEntries())).toEqual([]);
  });

  it('convict a planted word, name, folder and single test', () => {
    expect(wordProblems('harness/x.ts', `// ${unwanted} later`)).toHaveLength(1);
    expect(wordProblems('harness/x.test.ts', `it.${single}('x', () => {})`)).toHaveLength(1);
    expect(nameProblems('harness/run/utils.ts')).toHaveLength(1);
    expect(nameProblems('harness/run/RunScenario.ts')).toHaveLength(1);
    expect(topLevelProblems(['src/', 'notes.txt', 'harness/'])).toHaveLength(2);
  });

  it('leave no plug-in without a test', () => {
    expect(untestedPlugins(files, readProjectFile)).toEqual([]);
  });

  it('convict a planted plug-in without a test, and acquit one that its layer tests', () => {
    const plugin = ['faults/drive/x/index.ts', 'faults/drive/x/options.ts'];
    const layerTest = 'faults/drive/drive-faults.test.ts';
    const importing = (): string => `import x from './x/index.ts';`;
    expect(untestedPlugins(plugin, () => '')).toEqual(['faults/drive/x has no test']);
    expect(untestedPlugins([...plugin, layerTest], () => '')).toHaveLength(1);
    expect(untestedPlugins([...plugin, layerTest], importing)).toEqual([]);
    const importingEach = (): string => 'await import(`./${name}/index.ts`)';
    expect(untestedPlugins([...plugin, layerTest], importingEach)).toEqual([]);
    expect(untestedPlugins([...plugin, 'faults/drive/x/x.test.ts'], () => '')).toEqual([]);
  });
});

describe('requirements', () => {
  it('are each cited by a test or deferred with a reason', () => {
    const tests = files.filter(isTest);
    const cited = new Set(tests.flatMap((file) => citedRequirements(readProjectFile(file))));
    expect(requirementProblems(readProjectFile('docs/requirements.md'), cited)).toEqual([]);
  });

  it('convict one that is neither, and a citation of nothing', () => {
    const document = readProjectFile('docs/requirements.md');
    const nothingCited = requirementProblems(document, new Set());
    expect(nothingCited).toContain('C3 is said to be shown, and no test cites @req C3');
    const missingRow = requirementProblems(document.replace('| C3 ', '| X3 '), new Set(['C3']));
    expect(missingRow).toContain('C3 has no row in docs/requirements.md');
    expect(requirementProblems(document, new Set(['Q9']))).toContain(
      'a test cites Q9, which is no requirement',
    );
  });

  it('are read from comments and names, several at a time', () => {
    const source = `/** ${cite} C3 */ it('ends (${cite} D1, D2)', () => {})`;
    expect(citedRequirements(source)).toEqual(['C3', 'D1', 'D2']);
  });
});

describe('the house test', () => {
  const architecture = readProjectFile('ARCHITECTURE.md');
  const read = (file: string): string | undefined =>
    existsInProject(file) ? readProjectFile(file) : undefined;

  it('names files that exist, each imported by one before it', () => {
    expect(houseProblems(architecture, read)).toEqual([]);
  });

  it('convicts a list with a missing file, a wrong order, or too many files', () => {
    const list = (...items: string[]): string =>
      ['### A', ...items.map((item, index) => `${index + 1}. ${item}`), ''].join('\n');
    const document = (first: string, second: string): string =>
      `## The house test\n\n${first}\n${second}\n## Next\n`;
    const tree = new Map([
      ['a/one.ts', `import { two } from './two.ts';`],
      ['a/two.ts', `export const two: EngineSession = 2;`],
      ['b/three.ts', `export class Three implements EngineSession {}`],
    ]);
    const problems = (first: string): readonly string[] =>
      houseProblems(document(first, list('`a/one.ts`', '`a/two.ts`')), (file) => tree.get(file));

    expect(
      problems(list('`a/one.ts`', '`a/two.ts`', '`b/three.ts` (through `EngineSession`)')),
    ).toEqual([]);
    expect(problems(list('`a/two.ts`', '`a/one.ts`'))).toHaveLength(1);
    expect(problems(list('`a/two.ts`', '`b/three.ts`'))).toHaveLength(1);
    expect(problems(list('`a/one.ts`', '`b/three.ts` (through `EngineSession`)'))).toHaveLength(1);
    expect(problems(list('`a/one.ts`', '`a/four.ts`'))).toHaveLength(1);
    expect(problems(list(...Array.from({ length: 7 }, () => '`a/one.ts`')))).not.toEqual([]);
    expect(houseProblems('# No such section', () => '')).toHaveLength(1);
  });

  it('reads the lists of this project', () => {
    expect(parseTrails(architecture).map(({ steps }) => steps.length > 1)).toEqual([true, true]);
  });
});
