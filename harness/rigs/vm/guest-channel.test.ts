import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { HarnessError } from '../../contract/index.ts';
import { GuestChannel } from './guest-channel.ts';
import type { FromGuest, ToGuest } from './guest-steward.ts';

type Say = (...messages: readonly FromGuest[]) => void;

interface Wire {
  readonly stream: Duplex;
  readonly said: ToGuest[];
  readonly say: Say;
}

/** The other end of the wire. */
function wire(): Wire {
  const said: ToGuest[] = [];
  const stream = new Duplex({
    read: () => undefined,
    write: (data: Buffer, _encoding, done) => {
      said.push(JSON.parse(data.toString()) as ToGuest);
      done();
    },
  });
  const say = (...messages: readonly FromGuest[]): void => {
    const bytes = Buffer.from(messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
    // Cut where a serial port may cut: anywhere.
    for (let at = 0; at < bytes.byteLength; at += 7) stream.push(bytes.subarray(at, at + 7));
  };
  return { stream, said, say };
}

function output(id: number, text: string | Buffer): FromGuest {
  return { kind: 'output', id, stream: 'stdout', base64: Buffer.from(text).toString('base64') };
}

const dead = new HarnessError('UNAVAILABLE', 'the guest was killed');

describe('the channel to a guest', () => {
  it('gives the output and the exit code of each process to whom started it', async () => {
    const { stream, say } = wire();
    const channel = new GuestChannel(stream);
    const first = channel.start(['a'], {});
    const second = channel.start(['b'], {});
    say(output(2, 'two'), output(1, 'one'), { kind: 'exit', id: 2, code: 3, signal: null });
    say({ kind: 'exit', id: 1, code: 0, signal: null });
    expect(await first.ended).toMatchObject({ code: 0, stdout: 'one' });
    expect(await second.ended).toMatchObject({ code: 3, stdout: 'two' });
  });

  it('tells whole lines, wherever the pieces and the characters are cut', async () => {
    const { stream, say } = wire();
    const lines: string[] = [];
    const channel = new GuestChannel(stream);
    const running = channel.start(['a'], { onLine: (line) => void lines.push(line) });
    const text = Buffer.from('grün\nzwei\n\nohne Ende');
    for (const byte of text) say(output(1, Buffer.of(byte)));
    say({ kind: 'exit', id: 1, code: 0, signal: null });
    expect((await running.ended).stdout).toBe(text.toString());
    expect(lines).toEqual(['grün', 'zwei', '', 'ohne Ende']);
  });

  it('says why a program could not be started', async () => {
    const { stream, say } = wire();
    const running = new GuestChannel(stream).start(['nothing'], {});
    say({ kind: 'exit', id: 1, code: null, signal: null, problem: 'spawn nothing ENOENT' });
    await expect(running.ended).rejects.toThrow('nothing in the guest: spawn nothing ENOENT');
  });

  it('sends signals, also when one is aborted', async () => {
    const { stream, said } = wire();
    const channel = new GuestChannel(stream);
    const stop = new AbortController();
    channel.start(['a'], { signal: stop.signal }).kill('SIGTERM');
    stop.abort();
    expect(said.slice(1)).toEqual([
      { kind: 'signal', id: 1, signal: 'SIGTERM' },
      { kind: 'signal', id: 1, signal: 'SIGKILL' },
    ]);
  });

  it('lets nobody wait for a guest that is gone', async () => {
    const { stream } = wire();
    const channel = new GuestChannel(stream);
    const before = channel.start(['a'], {});
    channel.end(dead);
    await expect(before.ended).rejects.toBe(dead);
    await expect(channel.ready).rejects.toBe(dead);
    await expect(channel.start(['b'], {}).ended).rejects.toBe(dead);
  });
});
