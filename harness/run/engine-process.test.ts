import { describe, expect, it } from 'vitest';
import type { RecoveredState } from '../contract/index.ts';
import { parseMessages } from './engine-process.ts';
import { restoreRecovered, saveRecovered, type HostMessage } from './host-messages.ts';

async function messagesOf(lines: readonly string[]): Promise<HostMessage[]> {
  async function* source(): AsyncIterable<string> {
    yield* lines;
  }
  const messages: HostMessage[] = [];
  for await (const message of parseMessages(source())) messages.push(message);
  return messages;
}

const invoke = JSON.stringify(['invoke', 1, { kind: 'flush' }, 0, 10]);
const settle = JSON.stringify(['settle', 1, { status: 'acknowledged' }, 20]);

describe('what the engine process says', () => {
  it('is taken without a last line that a kill has cut short', async () => {
    expect(await messagesOf([invoke, settle, settle.slice(0, 12)])).toEqual([
      JSON.parse(invoke),
      JSON.parse(settle),
    ]);
  });

  it('is damaged evidence where a line in the middle cannot be read', async () => {
    await expect(messagesOf([invoke.slice(0, 12), settle])).rejects.toMatchObject({
      code: 'EVIDENCE_DAMAGED',
    });
  });

  it('keeps a recovered state whole on its way through JSON', () => {
    const state: RecoveredState = {
      opened: true,
      observed: { blocks: Int32Array.of(3, -1, 0), log: Int32Array.of(1, -1) },
      damage: new Map([[1, { kind: 'torn', sectorOps: [3, 4] }]]),
      values: Float64Array.of(1.5, NaN, 0),
      logDamage: new Map([[1, { kind: 'corrupt' }]]),
      recoveryRequests: 7,
      recoveryNs: 8,
    };
    const saved: unknown = JSON.parse(JSON.stringify(saveRecovered(state)));
    expect(restoreRecovered(saved as ReturnType<typeof saveRecovered>)).toEqual(state);
  });
});
