/** A recovery by the kernel on record: what it wrote, and in which order, from mount to unmount. */
import { HarnessError, type FileSystemRecipe } from '../../contract/index.ts';
import type { History } from '../../drive/history.ts';
import { startKernelTwin } from '../../rigs/fuse.ts';
import { mountMade, type MountedFileSystem } from '../../rigs/made-file-system.ts';
import { runChecked } from '../../rigs/mounted-check.ts';
import type { ResourceLedger } from '../resources.ts';
import type { FileExplorer } from './file-explorer.ts';

/**
 * Serves the crash state to the kernel again, which recovers it by mounting it (after the repair,
 * where there is no log) and unmounts it. Undefined where it does not take it: nothing is recovered
 * then, and the state itself says so.
 */
export async function recordRecovery(
  explorer: FileExplorer,
  parent: number,
  resources: ResourceLedger,
): Promise<History | undefined> {
  const { plan, recipe, geometry, ready } = explorer;
  await using twin = await startKernelTwin({
    geometry,
    seed: ready.scenario.seed,
    image: explorer.imageOf(plan.states[parent]!),
    resources,
  });
  if (!(await repair(recipe, twin.node))) return undefined;
  const mounted = await mountUnlessRefused(recipe, twin.node, resources);
  if (mounted === undefined) return undefined;
  await mounted[Symbol.asyncDispose]();
  return await twin.cut();
}

async function repair({ repair: tool }: FileSystemRecipe, node: string): Promise<boolean> {
  if (tool === undefined) return true;
  const { program, args } = tool.command(node);
  const { exitCode } = await runChecked(program, args);
  return tool.exitCodes.includes(exitCode);
}

async function mountUnlessRefused(
  recipe: FileSystemRecipe,
  node: string,
  resources: ResourceLedger,
): Promise<MountedFileSystem | undefined> {
  try {
    return await mountMade(recipe, node, resources);
  } catch (error) {
    if (error instanceof HarnessError && error.code === 'SYSTEM_CALL_FAILED') return undefined;
    throw error;
  }
}
