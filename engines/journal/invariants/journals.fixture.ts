import { createRandom, type Platform } from '../../../harness/contract/index.ts';
import { History } from '../../../harness/drive/history.ts';
import { createImage, type SparseImage } from '../../../harness/drive/image.ts';
import { keyringOf, type Keyring } from '../crypto/journal-keys.ts';
import { keyProviderOf } from '../crypto/key-source.ts';
import { formatJournal } from '../format-journal.ts';
import { openConfigured, type Journal } from '../journal.ts';
import { twinOn, type Twin } from '../twin.fixture.ts';
import { contentsOf, type Contents } from './model.fixture.ts';
import type { Setup } from './setups.fixture.ts';

/** A new journal of that setup, and what its volume holds before anything is written. */
export interface Formatted {
  readonly image: SparseImage;
  readonly initial: Contents;
}

export async function formatted(setup: Setup, seed = 1): Promise<Formatted> {
  const random = createRandom(seed);
  const twin = twinOn(createImage(setup.geometry, seed), setup.geometry, random);
  await formatJournal({ journal: twin.drive }, setup.options, twin.platform);
  const image = twin.drive.image;
  const { journal } = await openOn(image.fork(), setup, 77);
  return { image, initial: await contentsOf(journal) };
}

export interface Opened {
  readonly twin: Twin;
  readonly journal: Journal;
  /** Of everything from the first request of recovery on. */
  readonly history: History;
  /** The last event before it could be used. */
  readonly openedAt: number;
}

/** Recovers what the image holds, which is changed; `seed` is that of drive and entropy. */
export async function openOn(
  image: SparseImage,
  setup: Setup,
  seed: number | string,
  keyring?: Keyring,
): Promise<Opened> {
  let history: History | undefined;
  const twin = twinOn(image, setup.geometry, createRandom(seed), (timeline) => {
    history = new History(timeline);
    return history;
  });
  const journal = await openTwin(twin, setup, twin.platform, keyring);
  return { twin, journal, history: history!, openedAt: history!.end };
}

export function openTwin(
  twin: Twin,
  { config }: Setup,
  platform: Platform,
  keyring = config.encryption && keyringOf(keyProviderOf(config.encryption)),
): Promise<Journal> {
  return openConfigured({ journal: twin.drive }, config, platform, keyring);
}
