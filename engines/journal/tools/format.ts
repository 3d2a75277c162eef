import type { ToolAnswer, ToolSite } from '../../../harness/contract/index.ts';
import { formatJournal } from '../format-journal.ts';
import { formatWish, optionsFor } from './format-wish.ts';
import { infoText } from './info-text.ts';
import { inspectJournal } from './info.ts';
import { journalDevices } from './journal-devices.ts';

/** Makes a new journal and answers what it has become. */
export async function format(site: ToolSite): Promise<ToolAnswer> {
  const wish = formatWish.parse(site.options);
  const options = optionsFor(wish, site.devices);
  await formatJournal(journalDevices(site.devices), options, site.platform);
  const { encryption } = wish;
  const made = await inspectJournal({ ...site, options: encryption ? { encryption } : {} });
  return { data: { ...made }, text: ['formatted', ...infoText(made)], outcome: 'ok' };
}
