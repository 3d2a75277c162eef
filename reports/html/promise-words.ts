import type { PromisedDurability } from '../../harness/contract/index.ts';

/** What an engine promises of every crash, in the words of the glossary. */
export function promiseWords(promised: PromisedDurability | undefined): readonly string[] {
  if (promised === undefined) return ['not known: no round was run'];
  const { durableWhen, atomicUnit, ordering, unflushedContents } = promised;
  const notOwed = durableWhen === 'flushed' ? 'what was not flushed' : 'what was on its way';
  return [
    `durable when ${durableWhen}`,
    atomicUnit === 'operation' ? 'an operation is all or nothing' : 'a block is all or nothing',
    ordering === 'prefix' ? 'what survives is a prefix' : 'no order among what survives',
    `${notOwed} shows ${unflushedContents === 'anything' ? 'anything' : 'old or new'}`,
  ];
}
