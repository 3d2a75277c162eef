import { expect, it } from 'vitest';
import { invariant } from './invariant.ts';
import { convictions } from './story-fixture.ts';

const broken = { story: 't0,1 +1', blocks: [1, 1], invariantBroken: 'money is missing' };

it('a broken invariant convicts', () => {
  expect(convictions(invariant, broken)).toEqual(['invariant@volume']);
});

it('a kept invariant acquits', () => {
  expect(convictions(invariant, { story: broken.story, blocks: broken.blocks })).toEqual([]);
});

it('the invariant is judged where survival has no holes', () => {
  const contract = { durableWhen: 'flushed', ordering: 'prefix' } as const;
  expect(convictions(invariant, { ...broken, contract })).toEqual(['invariant@volume']);
});

it('the invariant is not judged where what it rests on may legally be lost', () => {
  const contract = { durableWhen: 'flushed', ordering: 'none' } as const;
  expect(convictions(invariant, { ...broken, contract })).toEqual([]);
});
