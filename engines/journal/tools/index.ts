import type { EngineTools } from '../../../harness/contract/index.ts';
import { bench } from './bench.ts';
import { check } from './check.ts';
import { dump } from './dump.ts';
import { format } from './format.ts';
import { info } from './info.ts';
import { identify } from './medium.ts';
import { recover } from './recover.ts';

/** What `powercut journal` runs: each tool is a function of the devices and the platform. */
export const journalTools: EngineTools = { identify, format, info, dump, check, recover, bench };
