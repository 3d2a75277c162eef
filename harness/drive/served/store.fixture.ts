import { createRandom, type DeviceGeometry, type HistoryEvent } from '../../contract/index.ts';
import { planCrashStates } from '../crash-states.ts';
import { createImage, type SparseImage } from '../image.ts';
import type { History } from '../history.ts';
import { createMaterialiser } from '../materialise.ts';
import { RecordingStore } from './recording-store.ts';

export const storeGeometry: DeviceGeometry = {
  logicalBlockBytes: 512,
  capacityBlocks: 1024,
  atomicWriteBlocks: 1,
  writeCache: 'volatile',
  supportsFua: true,
};

export interface StoreForTest {
  readonly store: RecordingStore;
  readonly image: SparseImage;
  /** Set forward by the test. */
  readonly clock: { nowNs: number };
  /** What was cut by a fault. */
  readonly cuts: string[];
}

export function createStore(geometry: DeviceGeometry = storeGeometry): StoreForTest {
  const image = createImage(geometry, 5);
  const clock = { nowNs: 0 };
  const cuts: string[] = [];
  const store = new RecordingStore({
    name: 'twin',
    geometry,
    image,
    clock: { now: () => clock.nowNs },
    random: createRandom(1),
    onPowerCut: ({ fault }) => cuts.push(fault),
  });
  return { store, image, clock, cuts };
}

/** Blocks full of one byte. */
export function blocksOf(byte: number, count = 1): Uint8Array {
  return new Uint8Array(count * storeGeometry.logicalBlockBytes).fill(byte);
}

/** `S write 3`, `C write ok persisted`, `mark 4`: enough to see an order by. */
export function storyOf(events: readonly HistoryEvent[]): string[] {
  return events.map((event) => {
    switch (event.kind) {
      case 'submit':
        return `S ${event.request} ${event.lba}`;
      case 'complete':
        return `C ${event.request} ${event.answer} ${event.effect}`;
      case 'mark':
        return `mark ${event.position}`;
      case 'fault':
        return `fault ${event.firing.fault}`;
    }
  });
}

/** What a cut at the very end may leave in the first bytes of these units, every state of it. */
export function endStatesOf(history: History, units: readonly number[]): string[] {
  const plan = planCrashStates(history, { statesMax: 10_000, random: createRandom(1) });
  const materialiser = createMaterialiser(plan);
  const atEnd = plan.states.filter(({ windows }) =>
    windows.some(({ endSeq }) => endSeq > history.end),
  );
  const seen = atEnd.map((state) => {
    const [image] = materialiser.images(state);
    return units.map((index) => image!.writtenUnit(index)?.bytes[0] ?? '-').join(' ');
  });
  return [...new Set(seen)].sort();
}
