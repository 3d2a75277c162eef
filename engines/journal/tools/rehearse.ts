import {
  EngineRefusal,
  type RefusalReason,
  type ToolSite,
} from '../../../harness/contract/index.ts';
import type { JournalConfig } from '../config.ts';
import { openConfigured, type Journal } from '../journal.ts';
import { LogCorruption, type CorruptionRule } from '../recovery/corruption.ts';
import { OverlayDevice } from './overlay-device.ts';

/** What was found of the block map. */
export interface Damage {
  readonly reason: RefusalReason;
  readonly message: string;
}

/** What recovery would do. */
export type Rehearsal =
  | {
      readonly opens: true;
      readonly recordsReplayed: number;
      readonly blocksWritten: number;
      /** Appended records that nobody has released yet. */
      readonly recordsKept: number;
      readonly note: string;
      /** Why some of the volume would be refused all the same; undefined where none would. */
      readonly damage: Damage | undefined;
    }
  | {
      readonly opens: false;
      readonly reason: RefusalReason;
      readonly rule: CorruptionRule | undefined;
      readonly message: string;
    };

/** Runs the real recovery over the medium with every write kept in memory, and forgets the result. */
export async function rehearseRecovery(
  { devices, platform }: ToolSite,
  config: JournalConfig,
): Promise<Rehearsal> {
  const journal = new OverlayDevice(devices.main);
  const data = devices.data === undefined ? {} : { data: new OverlayDevice(devices.data) };
  try {
    await using opened = await openConfigured({ journal, ...data }, config, platform);
    const { recordsReplayed, blocksWritten, note } = opened.recovery;
    let recordsKept = 0;
    for await (const record of opened.replay()) recordsKept += record.lsn > 0 ? 1 : 0;
    const damage = await damageOf(opened);
    return { opens: true, recordsReplayed, blocksWritten, recordsKept, note, damage };
  } catch (error) {
    if (!(error instanceof EngineRefusal)) throw error;
    const rule = error instanceof LogCorruption ? error.rule : undefined;
    return { opens: false, reason: error.reason, rule, message: error.message };
  }
}

/** An open reads only the pages of the map that the log changes. */
async function damageOf(journal: Journal): Promise<Damage | undefined> {
  try {
    await journal.checkMap();
    return undefined;
  } catch (error) {
    if (!(error instanceof EngineRefusal)) throw error;
    return { reason: error.reason, message: error.message };
  }
}
