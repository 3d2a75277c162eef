import type { Nanoseconds, Random, RequestKind } from '../contract/index.ts';

/**
 * How long the simulated drive takes, in virtual time, so that overlapping requests complete in
 * varied orders. Modelled on what data sheets and field reports say of NVMe drives; never a
 * performance figure.
 */
interface LatencyClass {
  readonly baseNs: Nanoseconds;
  readonly spreadNs: Nanoseconds;
}

const latencyClasses: Record<RequestKind | 'fua', LatencyClass> = {
  read: { baseNs: 20_000, spreadNs: 50_000 },
  write: { baseNs: 10_000, spreadNs: 30_000 },
  fua: { baseNs: 25_000, spreadNs: 55_000 },
  flush: { baseNs: 60_000, spreadNs: 240_000 },
  discard: { baseNs: 15_000, spreadNs: 40_000 },
};

/** One request in this many meets garbage collection or an erase, and takes this many times longer. */
const slowOneIn = 64;
const slowFactor = 10;
const nsPerByte = 0.35;

export function latencyOf(
  request: RequestKind | 'fua',
  byteCount: number,
  random: Random,
): Nanoseconds {
  const { baseNs, spreadNs } = latencyClasses[request];
  const draw = random.uint32();
  const usual = baseNs + Math.floor((spreadNs * (draw >>> 8)) / 2 ** 24);
  const factor = (draw & 0xff) < 256 / slowOneIn ? slowFactor : 1;
  return usual * factor + Math.floor(byteCount * nsPerByte);
}
