import { EngineRefusal, type DeviceGeometry } from '../../../harness/contract/index.ts';
import type { JournalConfig } from '../config.ts';

/** How a completed write on a device becomes durable. */
export type DurabilityPath = 'none' | 'fua' | 'flush';

/** Throws EngineRefusal `incompatible` where the drive does not have what is asked for. */
export function durabilityPathOf(
  wanted: JournalConfig['durability'],
  geometry: DeviceGeometry,
): DurabilityPath {
  if (wanted === 'auto') {
    if (geometry.writeCache === 'none') return 'none';
    return geometry.supportsFua ? 'fua' : 'flush';
  }
  if (wanted === 'fua' && !geometry.supportsFua) {
    throw new EngineRefusal('incompatible', 'durability is "fua", but the drive has no FUA');
  }
  return wanted;
}
