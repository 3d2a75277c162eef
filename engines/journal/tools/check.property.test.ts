import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EngineRefusal } from '../../../harness/contract/index.ts';
import {
  emptyTwin,
  imageBytes,
  quiet,
  ringAt,
  siteOf,
  withRingBytes,
  writtenTwin,
  copyOf,
} from './tool-site.fixture.ts';
import { open, type Twin } from '../twin.fixture.ts';
import { checkJournal, type CheckVerdict } from './check.ts';

const pageBytes = 4096;
const sectors = 8;

/** One way to harm a sector of the ring: another sector in its place, zeros, or one bit. */
const harm = fc.record({
  slot: fc.oneof(fc.integer({ min: 0, max: 27 }), fc.integer({ min: 20, max: 24 })),
  sector: fc.integer({ min: 0, max: sectors - 1 }),
  count: fc.integer({ min: 1, max: sectors }),
  kind: fc.constantFrom('zeros', 'bit', 'other slot', 'lost sectors', 'lost page'),
  draw: fc.nat(8 * pageBytes - 1),
});

type Harm = typeof harm extends fc.Arbitrary<infer T> ? T : never;

describe('check and recovery', () => {
  it.each([4096, 512])(
    'come to the same verdict on every harm, with logical blocks of %i bytes (@req C8, D5)',
    async (logicalBlockBytes) => {
      const twin = await writtenTwin(logicalBlockBytes);
      const empty = await emptyTwin(logicalBlockBytes);
      const seen = new Set<CheckVerdict>();
      await fc.assert(
        fc.asyncProperty(fc.array(harm, { minLength: 1, maxLength: 2 }), async (harms) => {
          let harmed = twin;
          for (const one of harms) harmed = applied(harmed, empty, one);
          const before = superblocksAndRing(harmed);
          const { verdict, rule } = await checkJournal(siteOf(harmed));
          expect(Buffer.compare(superblocksAndRing(harmed), before)).toBe(0);
          seen.add(verdict);
          const refusal = await refusalOf(copyOf(harmed));
          expect(verdict === 'corrupt').toBe(refusal?.reason === 'corrupt');
          if (refusal !== undefined) expect(refusal.message).toContain(`(rule ${rule ?? ''})`);
        }),
        { seed: 20261121, numRuns: 120 },
      );
      expect([...seen].sort()).toEqual(['clean', 'corrupt', 'torn']);
    },
  );
});

function applied(twin: Twin, empty: Twin, { slot, sector, count, kind, draw }: Harm): Twin {
  const from = slot * pageBytes + (sector * pageBytes) / sectors;
  const byteCount = Math.min(count, sectors - sector) * (pageBytes / sectors);
  switch (kind) {
    case 'zeros':
      return withRingBytes(twin, from, new Uint8Array(byteCount));
    case 'bit': {
      const at = slot * pageBytes + (draw >> 3);
      const byte = imageBytes(twin, ringAt + at, 1)[0]!;
      return withRingBytes(twin, at, Uint8Array.of(byte ^ (1 << (draw & 7))));
    }
    case 'other slot':
      return withRingBytes(
        twin,
        from,
        imageBytes(twin, ringAt + (draw % 64) * pageBytes, byteCount),
      );
    case 'lost sectors':
      return withRingBytes(twin, from, imageBytes(empty, ringAt + from, byteCount));
    case 'lost page':
      return withRingBytes(
        twin,
        slot * pageBytes,
        imageBytes(empty, ringAt + slot * pageBytes, pageBytes),
      );
  }
}

function superblocksAndRing(twin: Twin): Uint8Array {
  return imageBytes(twin, 0, ringAt + 64 * pageBytes);
}

async function refusalOf(twin: Twin): Promise<EngineRefusal | undefined> {
  try {
    await using journal = await open(twin, quiet);
    await journal.close();
    return undefined;
  } catch (error) {
    return error as EngineRefusal;
  }
}
