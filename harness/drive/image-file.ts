import { decodeHistory, encodeHistory } from './history-file.ts';
import { History, type HistoryDevice } from './history.ts';

/** An image as a file: the form of a history holds what a drive held at first, and here that is all of it. */
export function encodeImage({
  base,
  geometry,
}: Pick<HistoryDevice, 'base' | 'geometry'>): Uint8Array {
  const history = new History({ now: () => 0 });
  history.addDevice({ device: 0, name: 'image', geometry, base });
  return encodeHistory(history);
}

export function decodeImage(bytes: Uint8Array): HistoryDevice {
  return decodeHistory(bytes).devices[0]!;
}
