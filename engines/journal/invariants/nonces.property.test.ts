import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyringOf } from '../crypto/journal-keys.ts';
import { keyProviderOf } from '../crypto/key-source.ts';
import { NonceLedger } from '../crypto/nonce-ledger.fixture.ts';
import { createPageCipher } from '../crypto/page-cipher.ts';
import { someOf } from './damaged-states.fixture.ts';
import { crashStates } from './explore.fixture.ts';
import { formatted, openOn } from './journals.fixture.ts';
import { runScript } from './script-run.fixture.ts';
import { contentsOf } from './model.fixture.ts';
import { scripts } from './scripts.fixture.ts';
import { runs, setups } from './setups.fixture.ts';

/**
 * Goal: no page is ever sealed with a nonce that was used before under the same key. Method: one ledger
 * of nonces (crypto/nonce-ledger.fixture.ts) over all opens of a journal: in states of one crash that
 * exclude each other, as snapshots put back do, and in those of the next crash.
 */
test('I15 no nonce is used twice under one key, over crashes and snapshots put back (@req C7)', async () => {
  const totals = { pages: 0, keys: 0 };
  await fc.assert(
    fc.asyncProperty(
      setups({ encrypted: [true] }),
      scripts({ minLength: 10, maxLength: 20 }),
      scripts({ minLength: 2, maxLength: 8 }),
      async (setup, steps, more) => {
        // Every open has entropy of its own, however alike the media are.
        let opens = 0;
        const ledger = new NonceLedger();
        const provider = keyProviderOf(setup.config.encryption!);
        const keyring = { ...keyringOf(provider), createCipher: ledger.watch(createPageCipher) };
        const first = await runScript({
          ...(await formatted(setup)),
          setup,
          steps,
          seed: 15,
          keyring,
        });
        for (const state of someOf([...crashStates(first.history, { statesMax: 80 })], 12)) {
          const { journal } = await openOn(state.image.fork(), setup, state.digest);
          const initial = await contentsOf(journal);
          const second = await runScript({
            setup,
            image: state.image.fork(),
            initial,
            steps: more,
            seed: `open ${opens++}`,
            keyring,
          });
          for (const after of someOf([...crashStates(second.history, { statesMax: 12 })], 3)) {
            const image = after.image.fork();
            await runScript({
              setup,
              image,
              initial,
              steps: more,
              seed: `open ${opens++}`,
              keyring,
            });
          }
        }
        expect(ledger.repeats).toEqual([]);
        totals.pages += ledger.sealedPages;
        totals.keys += ledger.keys;
      },
    ),
    runs(5),
  );
  expect(totals.pages).toBeGreaterThan(1000);
  expect(totals.keys).toBeGreaterThan(100);
  // A repeat is thrown where the journal seals, which then hangs.
}, 60_000);
