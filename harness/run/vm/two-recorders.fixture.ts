/** One stream of writes in a guest, recorded beneath it by the twin and above that by dm-log-writes. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { DeviceGeometry, FileLedgerView } from '../../contract/index.ts';
import type { EventWindow } from '../../drive/crash-states.ts';
import type { History } from '../../drive/history.ts';
import { decodeFileLedger } from '../../ledger/file-ledger.ts';
import { prepareGuest } from '../../rigs/vm/guest-image.ts';
import { moduleCommand } from '../../rigs/vm/guest-targets.ts';
import { bootGuest } from '../../rigs/vm/guest.ts';
import { MessageFile } from '../../rigs/vm/message-file.ts';
import { TwinDrive } from '../../rigs/vm/twin-drive.ts';
import type { ReadyFileScenario } from '../plugin-sources.ts';
import { ResourceLedger } from '../resources.ts';
import { makeDrive } from './guest-drives.ts';
import type { TwoRecordersJob } from './two-recorders-guest.fixture.ts';

export interface TwiceRecorded {
  /** Of the twin, until the guest was switched off. */
  readonly history: History;
  /** Of dm-log-writes. */
  readonly logFile: string;
  /** By the names of the parts. */
  readonly parts: ReadonlyMap<string, PartRecorded>;
  readonly report: GuestReport;
}

export interface PartRecorded {
  readonly ready: ReadyFileScenario;
  readonly ledger: FileLedgerView;
  /** Where the part lies in the history of the twin. */
  readonly window: EventWindow;
}

interface GuestReport {
  readonly gaps: readonly (string | null)[];
  readonly status: { readonly entries: number; readonly isLogging: boolean };
}

export interface TwiceOptions {
  readonly parts: Readonly<Record<string, ReadyFileScenario>>;
  /** Of all parts. */
  readonly geometry: DeviceGeometry;
  /** Takes the log and what else the guest leaves. */
  readonly folder: string;
  readonly rawRequests: number;
}

const logBytes = 256 * 2 ** 20;

export async function recordTwice(options: TwiceOptions): Promise<TwiceRecorded> {
  const { folder, geometry, parts } = options;
  await using resources = ResourceLedger.open();
  using messages = new MessageFile(path.join(folder, 'messages'));
  const seqOfMark = new Map<string, number>();
  await using twin = await TwinDrive.start({
    name: 'twin',
    geometry,
    seed: 1,
    resources,
    onArrival: () => {
      for (const mark of messages.takeLines()) {
        seqOfMark.set(mark, twin.store.history.events.length);
        const position = Number(mark.split(':')[1]);
        if (!Number.isNaN(position)) twin.store.mark(position);
      }
    },
  });
  const report = await runGuest(options, twin, messages, resources);
  return {
    history: twin.store.history,
    logFile: path.join(folder, 'log'),
    report,
    parts: new Map(
      Object.entries(parts).map(([name, ready]) => [
        name,
        {
          ready,
          ledger: decodeFileLedger(fs.readFileSync(path.join(folder, `${name}.ledger`), 'utf8')),
          window: {
            firstSeq: seqOfMark.get(`${name}:0`)! + 1,
            endSeq: (seqOfMark.get(`${name}:end`) ?? twin.store.history.events.length) + 1,
          },
        },
      ]),
    ),
  };
}

async function runGuest(
  { parts, geometry, folder, rawRequests }: TwiceOptions,
  twin: TwinDrive,
  messages: MessageFile,
  resources: ResourceLedger,
): Promise<GuestReport> {
  await using guest = await bootGuest(await prepareGuest({ resources }), {
    resources,
    drives: [twin.drive, makeDrive('log', logBytes, folder)],
    consoleFile: path.join(folder, 'console'),
    messagesFile: messages.path,
    sharedFolder: folder,
  });
  const { twin: node = '', log = '' } = guest.facts.drives;
  const job: TwoRecordersJob = {
    geometry,
    rawRequests,
    parts: Object.entries(parts).map(([name, { scenario, sources }]) => ({
      name,
      scenario,
      sources,
    })),
  };
  const program = new URL('./two-recorders-guest.fixture.ts', import.meta.url);
  const argv = [...moduleCommand(program), folder, node, log, JSON.stringify(job)];
  const { code, stdout, stderr } = await guest.exec(argv, { hasMessagePort: true });
  const found = stdout.split('\n').find((line) => line.startsWith('report '));
  if (code !== 0 || found === undefined) throw new Error(stdout + stderr);
  await guest.powerOff();
  return JSON.parse(found.slice('report '.length)) as GuestReport;
}
