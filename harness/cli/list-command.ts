import type { PluginKind } from '../contract/index.ts';
import { printAnswer, type CommandContext } from './command-context.ts';
import { exitCodes } from './exit-codes.ts';
import { loadPlugin } from './load-plugin.ts';
import { examples, type Program } from './program.ts';
import { builtInNames } from './registry.ts';
import { profiles } from './scenarios/catalogue.ts';
import { formatTable } from './text-table.ts';
import { Argument } from './typed-commander.ts';

const sections = ['engines', 'workloads', 'faults', 'reporters', 'scenarios'] as const;

type Section = (typeof sections)[number];

const kinds: Readonly<Record<Exclude<Section, 'scenarios'>, PluginKind>> = {
  engines: 'engine',
  workloads: 'workload',
  faults: 'fault',
  reporters: 'reporter',
};

export function addListCommand(program: Program): void {
  program.command
    .command('list')
    .description('show the built-in plug-ins, and the scenarios with why they exist')
    .addArgument(new Argument('[section]', 'what to list (default: all)').choices(sections))
    .addHelpText('after', examples(['powercut list', 'powercut list scenarios --json']))
    .action((section) => program.perform((context) => list(context, section)));
}

interface ListItem {
  readonly name: string;
  /** The summary of a plug-in, the reason of a scenario. */
  readonly summary: string;
  readonly profile?: string;
}

async function list(context: CommandContext, section: Section | undefined): Promise<number> {
  const wanted = section === undefined ? sections : [section];
  const entries = await Promise.all(
    wanted.map(async (name) => [name, await itemsOf(name)] as const),
  );
  const text = entries.map(([name, items]) => formatSection(name, items)).join('\n');
  printAnswer(context, Object.fromEntries(entries), text);
  return exitCodes.pass;
}

async function itemsOf(section: Section): Promise<readonly ListItem[]> {
  if (section === 'scenarios') return scenarioItems();
  const kind = kinds[section];
  return Promise.all(
    builtInNames(kind).map(async (name) => {
      const { plugin } = await loadPlugin(kind, name, import.meta.dirname);
      return { name, summary: plugin.summary };
    }),
  );
}

function scenarioItems(): readonly ListItem[] {
  return Object.entries(profiles).flatMap(([profile, scenarios]) =>
    scenarios.map(({ name, because }) => ({ name, summary: because, profile })),
  );
}

function formatSection(section: Section, items: readonly ListItem[]): string {
  const rows = items.map(({ name, summary, profile }) =>
    profile === undefined ? [`  ${name}`, summary] : [`  ${name}`, `[${profile}]`, summary],
  );
  return `${section}\n${formatTable(rows)}`;
}
