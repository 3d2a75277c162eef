import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { MessageFile } from './message-file.ts';

function fileForTest(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'powercut-messages-'));
  onTestFinished(() => {
    fs.rmSync(folder, { recursive: true });
  });
  return path.join(folder, 'messages');
}

test('every whole line comes once, in order, and a cut one when its end has come', () => {
  const file = fileForTest();
  fs.writeFileSync(file, 'of an earlier machine\n');
  using messages = new MessageFile(file);
  expect(messages.takeLines()).toEqual([]);
  fs.appendFileSync(file, 'one\ntwo\nthr');
  expect(messages.takeLines()).toEqual(['one', 'two']);
  fs.appendFileSync(file, 'ee\n');
  expect(messages.takeLines()).toEqual(['three']);
  expect(messages.takeLines()).toEqual([]);
});

test('lines longer than what is read at once are whole, also where a character is cut', () => {
  const file = fileForTest();
  using messages = new MessageFile(file);
  const lines = ['ä'.repeat(70_001), 'b'.repeat(65_536), 'ö'];
  fs.appendFileSync(file, `${lines.join('\n')}\n`);
  expect(messages.takeLines()).toEqual(lines);
});
