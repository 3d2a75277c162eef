import { describe, expect, it } from 'vitest';
import {
  faultClasses,
  type AreaPromises,
  type DurabilityContract,
  type FaultClass,
  type FaultFiring,
  type FaultPromise,
  type Scenario,
} from '../contract/index.ts';
import { promiseInForce, promiseToJudgeBy } from './promise-in-force.ts';
import { smallScenario } from './scenario.fixture.ts';

const survives: FaultPromise = { level: 'survives', citation: 'all' };
const detects: FaultPromise = { level: 'detects', citation: 'checksums' };
const nothing: FaultPromise = { level: 'nothing', citation: 'none' };

function contractWith(
  promises: Partial<Record<FaultClass, FaultPromise | AreaPromises>>,
): DurabilityContract {
  const all = Object.fromEntries(faultClasses.map((name) => [name, survives]));
  return {
    durableWhen: 'acknowledged',
    atomicUnit: 'block',
    ordering: 'none',
    unflushedContents: 'old-or-new',
    recoveryIsIdempotent: true,
    recoveryRequestsMax: 100,
    promises: { ...all, ...promises } as DurabilityContract['promises'],
  };
}

function firing(faultClass: FaultClass, area?: string): FaultFiring {
  const where = area === undefined ? {} : { area };
  return { fault: faultClass, faultClass, atNs: 0, details: {}, ...where };
}

describe('the promise in force', () => {
  it('is the one about power loss while no fault has fired', () => {
    expect(promiseInForce(contractWith({ 'power-loss': detects }), [])).toEqual(detects);
  });

  it('is the weakest over what has fired, in any order', () => {
    const contract = contractWith({ 'bit-rot': detects, 'lost-write': nothing });
    const firings = [firing('bit-rot'), firing('lost-write'), firing('slow-device')];
    expect(promiseInForce(contract, firings)).toEqual(nothing);
    expect(promiseInForce(contract, firings.toReversed())).toEqual(nothing);
    expect(promiseInForce(contract, [firing('bit-rot')])).toEqual(detects);
  });

  it('is the one of the area that was hit', () => {
    const contract = contractWith({ 'bit-rot': { byArea: { journal: detects, data: nothing } } });
    expect(promiseInForce(contract, [firing('bit-rot', 'journal')])).toEqual(detects);
    expect(promiseInForce(contract, [firing('bit-rot', 'data')])).toEqual(nothing);
    for (const area of ['elsewhere', undefined]) {
      expect(promiseInForce(contract, [firing('bit-rot', area)])).toMatchObject({
        level: 'nothing',
        citation: expect.stringMatching(/promises nothing for bit-rot in/) as string,
      });
    }
  });

  it('keeps an exception of any fault that has fired', () => {
    const except = { ...survives, except: 'not-carried' } as const;
    const contract = contractWith({ 'torn-write': except, 'bit-rot': detects });
    expect(promiseInForce(contract, [firing('torn-write'), firing('bit-rot')])).toEqual({
      ...detects,
      except: 'not-carried',
    });
  });

  it('is the full one where the scenario claims it for a known-bad set-up', () => {
    const expectation = { verdict: 'fail', kinds: ['lost'], why: 'a lying drive' } as const;
    const promise = promiseToJudgeBy(
      { ...smallScenario, expect: expectation },
      contractWith({ 'flush-ignored': nothing }),
      [firing('flush-ignored')],
    );
    expect(promise).toEqual({
      level: 'survives',
      citation: 'claimed by the scenario: a lying drive',
    });
  });

  it('is that about power loss where crash states are made, whatever dies', () => {
    const contract = contractWith({ 'power-loss': detects, 'process-kill': survives });
    const kill = (use: string, options: unknown): Scenario => ({
      ...smallScenario,
      rig: 'vm',
      faults: [{ use, with: options, at: { atOp: 1 }, times: 1, during: 'workload' }],
    });
    expect(promiseToJudgeBy(kill('vm-kill', {}), contract, [])).toEqual(detects);
    expect(promiseToJudgeBy(kill('dm-log-writes', {}), contract, [])).toEqual(detects);
    // What the drive had completed is kept: a process that dies loses no less.
    expect(promiseToJudgeBy(kill('vm-kill', { volatileCache: 'kept' }), contract, [])).toEqual(
      survives,
    );
  });
});
