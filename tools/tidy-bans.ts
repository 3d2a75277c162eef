import * as path from 'node:path';
import { importsOf } from './import-rule.ts';
import { isSource, isTest } from './project-files.ts';

/** Written in two halves, so that this file keeps the rule that it holds. */
const bannedWords: readonly (readonly [string, string])[] = [
  ['FIX' + 'ME', 'mend it, or write it into the change log as a known limit'],
  ['TO' + 'DO', 'do it, or write it into docs/requirements.md as deferred'],
  ['@ts-' + 'ignore', 'type it, or use @ts-expect-error with the reason'],
  ['/wo' + 'rk/', 'a path of one machine means nothing on another'],
];

const bannedNames = new Set(['utils', 'util', 'helpers', 'helper', 'types', 'common', 'misc']);

const topLevel = new Set([
  '.ci/',
  'docker/',
  'docs/',
  'engines/',
  'faults/',
  'harness/',
  'reports/',
  'tools/',
  'workloads/',
  '.gitignore',
  '.npmrc',
  '.prettierignore',
  '.prettierrc',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'GLOSSARY.md',
  'LICENSE',
  'README.md',
  'eslint.config.js',
  'knip.json',
  'package-lock.json',
  'package.json',
  'tsconfig.build.json',
  'tsconfig.json',
  'vitest.config.ts',
]);

/** Words that must not stand in a file of the project. */
export function wordProblems(file: string, text: string): readonly string[] {
  const problems = bannedWords
    .filter(([word]) => text.includes(word))
    .map(([word, advice]) => `${file} contains ${word}: ${advice}`);
  if (isTest(file) && /\b(?:it|test|describe|bench)\.only\b/.test(text)) {
    problems.push(`${file} runs only some of its tests`);
  }
  return problems;
}

/**
 * The compiler does not turn `.ts` into `.js` in a dynamic import of a function that has a `using`
 * (TypeScript 6.0, seen in dist/), so that the built program does not find the module.
 */
export function buildProblems(file: string, text: string): readonly string[] {
  const bodies = text.split(/^\}/m);
  const isLeft = (body: string): boolean =>
    /\bimport\('\./.test(body) && /^ +(?:await )?using /m.test(body);
  if (!bodies.some(isLeft)) return [];
  return [`${file} has a dynamic import and a using in one function: move one of them to another`];
}

/** A file that is named for nothing in particular collects everything. */
export function nameProblems(file: string): readonly string[] {
  const name = path.posix.basename(file).split('.')[0]!;
  const problems = bannedNames.has(name)
    ? [`${file} must be named for the one concept that it holds`]
    : [];
  if (isSource(file) && !/^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(path.posix.basename(file))) {
    problems.push(`${file} must have a name in kebab-case`);
  }
  return problems;
}

export function topLevelProblems(entries: readonly string[]): readonly string[] {
  return entries
    .filter((entry) => !topLevel.has(entry))
    .map((entry) => `${entry} does not belong at the top of the project`);
}

/**
 * Every plug-in has a test in its own folder, or one that lies beside the plug-ins of its layer and
 * imports it, by its name or by the names in the folder.
 */
export function untestedPlugins(
  files: readonly string[],
  read: (file: string) => string,
): readonly string[] {
  const tests = files.filter(isTest);
  const isTested = (folder: string): boolean =>
    tests.some((test) => {
      if (test.startsWith(`${folder}/`)) return true;
      const isBeside = path.posix.dirname(test) === path.posix.dirname(folder);
      return isBeside && importsPlugin(test, read(test), folder);
    });
  return files
    .filter((file) => pluginIndex.test(file))
    .map((file) => path.posix.dirname(file))
    .filter((folder) => !isTested(folder))
    .map((folder) => `${folder} has no test`);
}

const pluginIndex = /^(?:(?:engines|workloads|reports)\/[^/]+|faults\/[^/]+\/[^/]+)\/index\.tsx?$/;

function importsPlugin(test: string, source: string, folder: string): boolean {
  const importsEach = source.includes('import(`./${');
  const home = path.posix.dirname(test);
  const targets = importsOf(source).map((target) => path.posix.join(home, target));
  return importsEach || targets.some((target) => target.startsWith(`${folder}/`));
}
