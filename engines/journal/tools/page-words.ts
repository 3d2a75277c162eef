import { pageFlags } from '../format/page.ts';
import { named } from './number-ranges.ts';
import type { PageView, SectorView } from './page-view.ts';

/** What stands in a slot, as one says it to somebody who has to decide what became of the page. */
export function describePage(view: PageView, sectorBytes: number): string {
  const { page, state, envelope, sectors } = view;
  switch (state) {
    case 'current': {
      const { batchNo, batchIndex, batchPages, epoch } = envelope!;
      return `whole: ${batchIndex + 1} of ${batchPages} of batch ${batchNo}, epoch ${epoch}`;
    }
    case 'empty':
      return 'never written: as formatting left it';
    case 'retired':
      return `not written: still holds page ${envelope!.pageSeq} of an earlier lap`;
    case 'dead':
      return `not written: holds this page of epoch ${envelope!.epoch}, which ended before it`;
    case 'newer':
      return `page ${envelope!.pageSeq} of epoch ${envelope!.epoch}, which the superblock does not know`;
    case 'misplaced':
      return `holds page ${envelope?.pageSeq ?? '?'}, which does not belong in this slot`;
    case 'unwritten':
      return `not written: ${whose(sectors, 'older', page)}`;
    case 'torn':
      return `torn: ${whose(sectors, 'expected', page)}, ${whose(sectors, 'older', page)}`;
    case 'rotten':
      return rottenWords(view, sectorBytes);
    case 'unreadable':
      return 'the device cannot read it';
  }
}

function rottenWords({ page, sectors }: PageView, sectorBytes: number): string {
  if (sectors.length === 0) {
    return `damaged: its CRC does not fit, and power loss cannot tear ${sectorBytes} bytes`;
  }
  if (sectors.every(({ from }) => from === 'expected')) {
    return `damaged after it was written: all ${sectors.length} sectors carry its stamp`;
  }
  const strays = sectors.some(({ from }) => from === 'unknown');
  return strays ? `damaged: ${whose(sectors, 'unknown', page)}` : 'damaged: its CRC does not fit';
}

const belonging: Readonly<Record<SectorView['from'], (page: number) => string>> = {
  expected: (page) => `the stamp of page ${page}`,
  older: () => 'that of an older write',
  unknown: () => 'a stamp that no write here ever had',
};

function whose(sectors: readonly SectorView[], from: SectorView['from'], page: number): string {
  const numbers = sectors.flatMap((sector, index) => (sector.from === from ? [index] : []));
  const carry = numbers.length === 1 ? 'carries' : 'carry';
  return `${named('sector', numbers)} ${carry} ${belonging[from](page)}`;
}

export function flagNames(flags: number): readonly string[] {
  return Object.entries(pageFlags).flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name]));
}
