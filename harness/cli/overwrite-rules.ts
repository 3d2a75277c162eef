import { HarnessError } from '../contract/index.ts';
import type { DeviceFacts } from '../device/device-facts.ts';
import { findSignatures, wipefsOpinion } from '../device/signatures.ts';
import { partitionsOf } from '../device/sysfs.ts';

/** What a target holds that would be lost. */
export interface FoundContents {
  /** Never overwritten, whatever is said. */
  readonly partitions: readonly string[];
  readonly signatures: readonly string[];
  /** A journal that is there already: its uuid, or `journal` where it is too damaged to have one. */
  readonly journal: string | undefined;
}

export async function contentsOf(
  facts: DeviceFacts,
  journal: string | undefined,
): Promise<FoundContents> {
  const partitions =
    facts.kind === 'block-device'
      ? partitionsOf(facts.deviceNumber).map(({ kernelName }) => `partition ${kernelName}`)
      : [];
  const own = await findSignatures(facts.path, facts.byteCount);
  const second = (await wipefsOpinion(facts.path)) ?? [];
  const found = [...own, ...second.map((type) => `wipefs: ${type}`)];
  const isTable = (name: string): boolean => /partition table|wipefs: (gpt|dos|PMBR)/i.test(name);
  return {
    partitions: [...partitions, ...found.filter(isTable)],
    signatures: found.filter((name) => !isTable(name)),
    journal,
  };
}

/** Throws DEVICE_REFUSED unless all that would be lost has been named. */
export function refuseUnlessNamed(
  path: string,
  { partitions, signatures, journal }: FoundContents,
  force: readonly string[],
): void {
  if (partitions.length > 0) {
    throw refusal(path, partitions, 'it is partitioned, and --force does not change that');
  }
  const unnamed = signatures.filter((name) => !force.some((word) => isNamed(name, word)));
  if (unnamed.length > 0) {
    throw refusal(
      path,
      unnamed,
      'if it is not needed any more, name it with --force, such as --force ext4',
    );
  }
  if (journal === undefined || force.some((word) => isJournalNamed(journal, word))) return;
  const found = journal === 'journal' ? 'what is left of a journal' : `the journal ${journal}`;
  throw refusal(path, [found], `if it is not needed any more, name it with --force ${journal}`);
}

function refusal(path: string, found: readonly string[], advice: string): HarnessError {
  return new HarnessError(
    'DEVICE_REFUSED',
    `${path} carries ${found.join('; ')}; nothing was written; ${advice}`,
  );
}

const shortestWord = 3;
const shortestUuid = 8;

function isNamed(found: string, word: string): boolean {
  return word.length >= shortestWord && found.toLowerCase().includes(word.toLowerCase());
}

function isJournalNamed(journal: string, word: string): boolean {
  if (journal === word) return true;
  return word.length >= shortestUuid && journal.startsWith(word.toLowerCase());
}
