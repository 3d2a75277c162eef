// An engine as somebody outside this repository might write one: each block lies in one place of the
// device and is overwritten there. With `ack: 'at-once'` it forgets to flush; the other options make it
// misbehave in ways that the harness must notice. Block 0 of the device says whether it was opened. On
// two devices the blocks lie on the data device; with `ack: 'main-flushed'` it flushes the other one,
// with `ack: 'unwritten'` it writes nothing at all.

const defaults = {
  ack: 'flushed',
  reopen: 'serve',
  stopAfter: Infinity,
  read: 'serve',
  promise: 'survives',
};
const blockBytes = 4096;
const fresh = 1;
const opened = 2;
const never = () => new Promise(() => undefined);

const faultClasses = [
  'power-loss',
  'process-kill',
  'flush-ignored',
  'lost-write',
  'torn-write',
  'misdirected-write',
  'bit-rot',
  'stale-read',
  'read-error',
  'write-error',
  'flush-error',
  'short-write',
  'no-space',
  'slow-device',
];

export default Object.freeze({
  kind: 'engine',
  apiVersion: 1,
  name: 'in-place',
  summary: 'overwrites each block where it lies',
  supports: { ops: ['write', 'flush'], dataDevice: true },
  options: { parse: (input) => ({ ...defaults, ...input }) },
  contractFor: ({ promise }) => ({
    durableWhen: 'acknowledged',
    atomicUnit: 'block',
    ordering: 'none',
    unflushedContents: 'old-or-new',
    recoveryIsIdempotent: true,
    recoveryRequestsMax: 16,
    promises: Object.fromEntries(
      faultClasses.map((name) => [name, { level: promise, citation: 'the fixture' }]),
    ),
  }),
  areasOf: (_, { main, data }) => areasOn(main, data),
  probe: async () => ({ available: true }),
  async format({ main: device }) {
    await device.write(0, headerOf(device, fresh), { fua: true });
  },
  async open({ main: device, data }, config) {
    const header = device.allocate(blockBytes);
    await device.read(0, header);
    const isReopened = header[0] === opened;
    if (isReopened && config.reopen === 'throw')
      throw new TypeError('cannot read properties of null');
    if (isReopened && config.reopen === 'hang') return never();
    while (isReopened && config.reopen === 'loop') await device.read(0, header);
    await device.write(0, headerOf(device, opened), { fua: true });
    return new InPlaceSession(data ?? device, device, config);
  },
});

function headerOf(device, mark) {
  const header = device.allocate(blockBytes);
  header.fill(mark);
  return header;
}

function areasOn(main, data) {
  const bytesOf = ({ capacityBlocks, logicalBlockBytes }) => capacityBlocks * logicalBlockBytes;
  const header = { name: 'header', device: 0, byteOffset: 0, byteCount: blockBytes };
  const device = data === undefined ? 0 : 1;
  const byteCount = bytesOf(data ?? main) - blockBytes;
  return [header, { name: 'blocks', device, byteOffset: blockBytes, byteCount }];
}

class InPlaceSession {
  recovery = { recordsReplayed: 0, blocksWritten: 0, tookNs: 0, note: 'nothing to recover' };
  #device;
  #main;
  #config;
  #lbasPerBlock;
  #ops = 0;
  #userBytes = 0;
  #flushes = 0;

  constructor(device, main, config) {
    const { logicalBlockBytes, capacityBlocks } = device.geometry;
    this.#device = device;
    this.#main = main;
    this.#config = config;
    this.#lbasPerBlock = blockBytes / logicalBlockBytes;
    this.space = { blockBytes, blockCount: Math.floor(capacityBlocks / this.#lbasPerBlock) - 1 };
  }

  async submit(op, payload) {
    if (++this.#ops > this.#config.stopAfter) return never();
    if (op.kind === 'write' && this.#config.ack !== 'unwritten')
      await this.#write(op.block, payload);
    if (this.#config.ack === 'main-flushed') await this.#main.flush();
    else if (op.kind === 'flush' || this.#config.ack === 'flushed') await this.#flush();
    return { status: 'acknowledged' };
  }

  async #write(block, payload) {
    const source = this.#device.allocate(payload.length);
    source.set(payload);
    this.#userBytes += payload.length;
    await this.#device.write(this.#lbaOf(block), source, { fua: false });
  }

  async #flush() {
    this.#flushes++;
    await this.#device.flush();
  }

  async read(block, target) {
    if (this.#config.read === 'throw') throw new RangeError('the fixture does not read');
    const source = this.#device.allocate(target.length);
    await this.#device.read(this.#lbaOf(block), source);
    target.set(source);
  }

  counters() {
    const writtenBytes = { data: this.#userBytes };
    return { userBytes: this.#userBytes, writtenBytes, flushes: this.#flushes, fuaWrites: 0 };
  }

  close = async () => undefined;
  [Symbol.asyncDispose] = async () => undefined;

  #lbaOf(block) {
    return (block + 1) * this.#lbasPerBlock;
  }
}
