/** Body of a thread that mounts crash states: holds one round at a time and works off its tasks. */
import type { Scenario } from '../../contract/index.ts';
import { decodeHistory } from '../../drive/history-file.ts';
import { decodeImage } from '../../drive/image-file.ts';
import { decodeFileLedger } from '../../ledger/file-ledger.ts';
import type { StateMounter } from '../../rigs/mounted-states.ts';
import type { ExploreBudget } from '../explore-round.ts';
import type { PlannedRound } from '../explore-worker.ts';
import type { JudgedState } from '../judge-windows.ts';
import { isFileScenario, loadAnySources, type PluginSources } from '../plugin-sources.ts';
import { ResourceLedger } from '../resources.ts';
import { answerRequests } from '../worker-answers.ts';
import { FileExplorer } from './file-explorer.ts';
import { NestedFileExplorer } from './nested-explorer.ts';

export type MountRequest =
  | {
      readonly type: 'round';
      readonly scenario: Scenario;
      readonly sources: PluginSources;
      readonly round: number;
      readonly history: Uint8Array;
      readonly fresh?: Uint8Array;
      readonly ledger: string;
      readonly budget: ExploreBudget;
    }
  | { readonly type: 'states'; readonly from: number; readonly to: number }
  | {
      readonly type: 'nested';
      readonly parent: number;
      readonly states: number;
      readonly recovery: Uint8Array;
    }
  | { readonly type: 'end' };

export type MountReply =
  | { readonly type: 'planned'; readonly planned: PlannedRound }
  | { readonly type: 'judged'; readonly states: readonly JudgedState[] }
  | { readonly type: 'ended' };

let explorer: FileExplorer | undefined;
let mounter: StateMounter | undefined;
/** Of this thread: `powercut clean` finds it where the run could not end. */
let resources: ResourceLedger | undefined;

answerRequests(answer);

async function answer(request: MountRequest): Promise<MountReply> {
  switch (request.type) {
    case 'round':
      return { type: 'planned', planned: await begin(request) };
    case 'states':
      return { type: 'judged', states: await judge(request.from, request.to) };
    case 'nested':
      return { type: 'judged', states: await judgeNested(request) };
    case 'end':
      await endRound();
      return { type: 'ended' };
  }
}

async function begin(request: Extract<MountRequest, { type: 'round' }>): Promise<PlannedRound> {
  const ready = await loadAnySources(request.scenario, request.sources);
  if (!isFileScenario(ready)) throw new Error(`${ready.engine.name} is no file system`);
  const evidence = {
    round: request.round,
    history: decodeHistory(request.history),
    ...(request.fresh && { fresh: decodeImage(request.fresh).base }),
    ledger: decodeFileLedger(request.ledger),
  };
  explorer = new FileExplorer(ready, evidence, request.budget);
  const { states, coverage } = explorer.plan;
  await endRound();
  resources = ResourceLedger.open();
  mounter = await explorer.openMounter(resources);
  return { states: states.length, coverage };
}

async function endRound(): Promise<void> {
  await mounter?.[Symbol.asyncDispose]();
  mounter = undefined;
  await resources?.[Symbol.asyncDispose]();
  resources = undefined;
}

async function judge(from: number, to: number): Promise<readonly JudgedState[]> {
  if (explorer === undefined || mounter === undefined) throw new Error('no round was begun');
  const judged: JudgedState[] = [];
  for (let index = from; index < to; index++) judged.push(await explorer.judge(index, mounter));
  return judged;
}

async function judgeNested({
  parent,
  states,
  recovery,
}: Extract<MountRequest, { type: 'nested' }>): Promise<readonly JudgedState[]> {
  if (explorer === undefined || mounter === undefined) throw new Error('no round was begun');
  const nested = new NestedFileExplorer(explorer, parent, decodeHistory(recovery), states);
  const judged: JudgedState[] = [];
  for (const { index } of nested.plan.states) judged.push(await nested.judge(index, mounter));
  return judged;
}
