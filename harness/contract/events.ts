import type { FaultFiring } from './fault.ts';
import type { CellResult, RunSummary } from './results.ts';
import type { Scenario } from './scenario.ts';

/** Everything that happens in a run, as written to `events.jsonl`; reports can be made from it. */
export type RunEvent =
  | { readonly type: 'run-started'; readonly runId: string; readonly cells: readonly string[] }
  | { readonly type: 'cell-started'; readonly cell: string; readonly scenario: Scenario }
  | { readonly type: 'fault-fired'; readonly cell: string; readonly firing: FaultFiring }
  | {
      readonly type: 'progress';
      readonly cell: string;
      readonly phase: 'workload' | 'explore' | 'shrink' | 'verify';
      readonly done: number;
      readonly total: number;
    }
  /** What is under way where there is nothing to count; like progress, of the moment only. */
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'cell-finished'; readonly cell: string; readonly result: CellResult }
  | { readonly type: 'run-finished'; readonly summary: RunSummary };
