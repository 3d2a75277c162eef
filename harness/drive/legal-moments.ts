/**
 * Whether, and when, power loss may have left a given image: the question that crash-states.ts answers by making
 * all images, asked of one that somebody else has made. The definition is the same (unit-versions.ts): an
 * image is legal at t if every unit of it holds one of the contents that the unit may hold at t.
 */
import assert from 'node:assert/strict';
import type { EventWindow } from './crash-states.ts';
import type { History } from './history.ts';
import type { SparseImage } from './image.ts';
import type { Unit } from './unit.ts';
import { unitVersionsOf, type ContentSpan } from './unit-versions.ts';

export interface Legality {
  /** Power loss at each moment of these, and at no other, may leave the image. None: it is illegal. */
  readonly windows: readonly EventWindow[];
  /** The first unit that leaves no moment to those before it; undefined where the image is legal. */
  readonly conflict: number | undefined;
}

/** When a unit may hold a content, by the content. */
type Spans = ReadonlyMap<string, readonly EventWindow[]>;

/** Asks about images of the one drive of a history that does not grow any more. */
export class LegalMoments {
  readonly #base: SparseImage;
  readonly #end: number;
  /** Of each unit that anything was ever done to. */
  readonly #spans = new Map<number, Spans>();

  constructor(history: History) {
    const [device, ...others] = history.devices;
    assert(device !== undefined && others.length === 0, 'the history is of one drive');
    this.#base = device.base;
    this.#end = history.events.length;
    for (const { unitIndex, versions } of unitVersionsOf(history, undefined)) {
      const spans = new Map<string, Set<ContentSpan>>();
      for (const { span } of versions) {
        const key = keyOf(span.unit);
        spans.set(key, (spans.get(key) ?? new Set()).add(span));
      }
      this.#spans.set(unitIndex, windowsByContent(spans));
    }
  }

  of(image: SparseImage): Legality {
    const stray = this.#strayUnit(image);
    if (stray !== undefined) return { windows: [], conflict: stray };
    let windows: readonly EventWindow[] = [{ firstSeq: 0, endSeq: this.#end + 1 }];
    for (const [unitIndex, spans] of this.#spans) {
      const held = spans.get(keyOf(image.readUnit(unitIndex))) ?? [];
      windows = commonTo(windows, held);
      if (windows.length === 0) return { windows, conflict: unitIndex };
    }
    return { windows, conflict: undefined };
  }

  /** A unit that nothing was ever done to, and that holds something else than at the beginning. */
  #strayUnit(image: SparseImage): number | undefined {
    for (const { index, unit } of image.writtenUnits()) {
      if (!this.#spans.has(index) && !unit.equals(this.#base.readUnit(index))) return index;
    }
    for (const { index, unit } of this.#base.writtenUnits()) {
      if (!this.#spans.has(index) && !unit.equals(image.readUnit(index))) return index;
    }
    return undefined;
  }
}

/** Versions share spans, and spans of one content lie apart. */
function windowsByContent(spans: ReadonlyMap<string, ReadonlySet<ContentSpan>>): Spans {
  return new Map([...spans].map(([key, ofContent]) => [key, windowsOf([...ofContent])]));
}

function windowsOf(spans: readonly ContentSpan[]): readonly EventWindow[] {
  return spans
    .map(({ start, end }) => ({ firstSeq: start, endSeq: end }))
    .sort((a, b) => a.firstSeq - b.firstSeq);
}

function keyOf({ hash }: Unit): string {
  return hash.join();
}

/** Both are ascending, each apart; so is what they have in common. */
function commonTo(a: readonly EventWindow[], b: readonly EventWindow[]): readonly EventWindow[] {
  return a.flatMap((left) =>
    b
      .map((right) => ({
        firstSeq: Math.max(left.firstSeq, right.firstSeq),
        endSeq: Math.min(left.endSeq, right.endSeq),
      }))
      .filter(({ firstSeq, endSeq }) => firstSeq < endSeq),
  );
}
