import { EngineRefusal } from '../../../../harness/contract/index.ts';

/** Another open transaction holds the block: the caller may try again when that one has ended. */
export class BlockHeld extends EngineRefusal {
  readonly block: number;

  constructor(block: number) {
    super(
      'full',
      `block ${block} is held by another open transaction; try again when it has ended`,
    );
    this.block = block;
  }
}

export interface LockOwner {
  /** It ends by itself, without anything that its caller must do: others may wait for it. */
  readonly isBrief: boolean;
}

interface Waiter {
  readonly owner: LockOwner;
  readonly blocks: readonly number[];
  grant(): void;
  refuse(error: EngineRefusal): void;
}

/**
 * Who changes which block. Owners that end by themselves are waited for, in the order of arrival, and
 * such an owner takes all its blocks at once, so it never waits while it holds any. An owner that only
 * its caller can end is not waited for: whoever wants one of its blocks is refused at once. So no circle
 * of waiting owners can come about.
 */
export class BlockLocks {
  readonly #owners = new Map<number, LockOwner>();
  #waiting: Waiter[] = [];

  /** Resolves when it holds all of them; rejects with BlockHeld. */
  take(owner: LockOwner, blocks: readonly number[]): Promise<void> {
    const taken = new Promise<void>((grant, refuse) => {
      this.#waiting.push({ owner, blocks, grant, refuse });
    });
    this.#grantAll();
    return taken;
  }

  /** Blocks that it does not hold are passed over. */
  giveBack(owner: LockOwner, blocks: Iterable<number>): void {
    for (const block of blocks) {
      if (this.#owners.get(block) === owner) this.#owners.delete(block);
    }
    this.#grantAll();
  }

  /** An owner has become brief, so that others may wait for it, or has blocks to give. */
  #grantAll(): void {
    if (this.#waiting.length === 0) return;
    const claimed = new Set<number>();
    this.#waiting = this.#waiting.filter((waiter) => {
      const isAnswered = this.#answer(waiter, claimed);
      if (!isAnswered) for (const block of waiter.blocks) claimed.add(block);
      return !isAnswered;
    });
  }

  #answer(waiter: Waiter, claimed: ReadonlySet<number>): boolean {
    const { owner, blocks } = waiter;
    let isFree = true;
    for (const block of blocks) {
      const holder = this.#owners.get(block);
      if (holder !== undefined && holder !== owner) {
        isFree = false;
        if (holder.isBrief) continue;
        waiter.refuse(new BlockHeld(block));
        return true;
      }
      if (claimed.has(block)) isFree = false;
    }
    if (!isFree) return false;
    for (const block of blocks) this.#owners.set(block, owner);
    waiter.grant();
    return true;
  }
}
