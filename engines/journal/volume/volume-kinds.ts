import { EngineRefusal } from '../../../harness/contract/index.ts';
import type { VolumeModeName } from '../format/modes.ts';
import { directVolume } from './direct/direct-volume.ts';
import { loggedVolume } from './logged/logged-replay.ts';
import { mappedVolume } from './mapped/mapped-replay.ts';
import { undoRedoVolume } from './undo-redo/undo-redo-replay.ts';
import type { VolumeKind } from './volume-mode.ts';

const kinds: Partial<Record<VolumeModeName, VolumeKind>> = {
  journal: loggedVolume,
  ordered: mappedVolume,
  writeback: mappedVolume,
  'undo-redo': undoRedoVolume,
  none: directVolume,
};

export function volumeKindOf(mode: VolumeModeName): VolumeKind {
  const kind = kinds[mode];
  if (kind !== undefined) return kind;
  throw new EngineRefusal('incompatible', `mode "${mode}" is not in this version`);
}
