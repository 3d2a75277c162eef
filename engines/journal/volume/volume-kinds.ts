import { EngineRefusal } from '../../../harness/contract/index.ts';
import type { VolumeModeName } from '../format/modes.ts';
import { loggedVolume } from './logged/logged-replay.ts';
import type { VolumeKind } from './volume-mode.ts';

const kinds: Partial<Record<VolumeModeName, VolumeKind>> = {
  journal: loggedVolume,
};

export function volumeKindOf(mode: VolumeModeName): VolumeKind {
  const kind = kinds[mode];
  if (kind !== undefined) return kind;
  throw new EngineRefusal('incompatible', `mode "${mode}" is not in this version`);
}
