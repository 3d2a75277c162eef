import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { NbdClient } from '../../drive/served/nbd-client.fixture.ts';
import { storyOf } from '../../drive/served/store.fixture.ts';
import { MessageFile } from './message-file.ts';
import { TwinDrive } from './twin-drive.ts';

const geometry = {
  logicalBlockBytes: 4096,
  capacityBlocks: 64,
  atomicWriteBlocks: 1,
  writeCache: 'volatile',
  supportsFua: false,
} as const;
const command = { write: 1, flush: 3 };
const block = { byteOffset: 4096, byteCount: 4096 };
const payload = new Uint8Array(4096).fill(7);

function folderForTest(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-twin-'));
  onTestFinished(() => {
    fs.rmSync(folder, { recursive: true });
  });
  return folder;
}

test('what was said before a request stands before it in the history, and after all answers', async () => {
  const folder = folderForTest();
  using messages = new MessageFile(path.join(folder, 'messages'));
  await using twin = await TwinDrive.start({
    name: 'main',
    geometry,
    seed: 1,
    resources: { makeDirectory: () => folder },
    onArrival: () => {
      for (const line of messages.takeLines()) twin.store.mark(Number(line));
    },
  });
  expect(twin.drive).toMatchObject({ attachedAs: 'virtio-blk', logicalBlockBytes: 4096 });
  using client = await NbdClient.go(path.join(folder, 'socket'));
  const say = (position: number): void => {
    fs.appendFileSync(messages.path, `${position}\n`);
  };
  say(1);
  client.send(client.request(command.write, 1n, block, { payload }));
  await client.answer();
  say(2);
  say(3);
  client.send(client.request(command.flush, 2n, { byteOffset: 0, byteCount: 0 }));
  await client.answer();
  expect(storyOf(twin.store.history.events)).toEqual([
    ...['mark 1', 'S write 1', 'C write ok whole'],
    ...['mark 2', 'mark 3', 'S flush 0', 'C flush ok persisted'],
  ]);
});

test('a cut that is made on hearing of an operation keeps its requests from the record', async () => {
  const folder = folderForTest();
  let isToldToCut = false;
  await using twin = await TwinDrive.start({
    name: 'main',
    geometry,
    seed: 1,
    resources: { makeDirectory: () => folder },
    onArrival: () => {
      if (isToldToCut) twin.store.cut();
    },
  });
  using client = await NbdClient.go(path.join(folder, 'socket'));
  isToldToCut = true;
  client.send(client.request(command.write, 1n, block, { payload }));
  expect(await client.answer()).toEqual({ error: 5, cookie: 1n });
  expect(twin.store.history.events).toEqual([]);
});
