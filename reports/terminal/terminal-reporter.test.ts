import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { verdictSentence, type RunSummary } from '../../harness/contract/index.ts';
import {
  emptyRun,
  expectedRun,
  expectedSentences,
  greenRun,
  mixedRun,
  modesRun,
  passingCell,
  playRun,
  recordOutput,
  runOf,
  unexpectedPassRun,
  wrongKindRun,
} from '../run-summary.fixture.ts';
import terminalReporter from './index.ts';

async function render(summary: RunSummary, columns = 80, input: unknown = {}): Promise<string> {
  const output = recordOutput(false, columns);
  const reporter = terminalReporter.create(terminalReporter.options.parse(input), output);
  await reporter.onEnd(summary);
  return output.printed.join('');
}

function linesWith(text: string, part: string): readonly string[] {
  return text.split('\n').filter((line) => line.includes(part));
}

test('each kind of run is worded as in the other reports', () => {
  expect(verdictSentence(mixedRun())).toBe(expectedSentences.mixed);
  expect(verdictSentence(greenRun())).toBe(expectedSentences.green);
  expect(verdictSentence(expectedRun())).toBe(expectedSentences.expected);
  expect(verdictSentence(unexpectedPassRun())).toBe(expectedSentences.unexpectedPass);
  expect(verdictSentence(wrongKindRun())).toBe(expectedSentences.wrongKind);
  expect(verdictSentence(emptyRun())).toBe(expectedSentences.empty);
});

describe('the verdict table', () => {
  test('has one line per cell with symbol, word and counts, and one for a missing result', async () => {
    const text = await render(mixedRun(), 140);
    expect(linesWith(text, '✓ pass')[0]).toMatch(
      /^power-cut +journal +power-cut +random-write +sim +✓ pass +1,600 +2,000 +0$/,
    );
    expect(linesWith(text, 'misdirected-write + bit-rot ')[0]).toMatch(/x fail +1,600 +2,000 +2$/);
    expect(linesWith(text, '? inconclusive')).toHaveLength(1);
    expect(linesWith(text, '! error')).toHaveLength(1);
    expect(linesWith(text, '- skip')).toHaveLength(1);
    expect(linesWith(text, '? no result')[0]).toContain('never-finished');
  });

  test('shows an expected failure as a failure that was expected, and says why', async () => {
    const text = await render(expectedRun());
    expect(text).toContain('x fail (expected: lost)');
    expect(text).toContain('fails as expected: the drive answers flushes');
    expect(text).toContain(expectedSentences.expected.slice(0, 60));
  });

  test('a failure of another kind than expected is a failure, and says so', async () => {
    const text = await render(wrongKindRun());
    expect(text).toContain('x fail (not as expected: lost)');
    expect(text).toContain('reproduce powercut replay results/run-1/lying-drive#r2-i41-s7');
  });

  test('a failure that was expected and did not show is not a plain pass', async () => {
    const text = await render(unexpectedPassRun());
    expect(text).toContain('! pass (a failure was expected)');
    expect(text).not.toContain('✓');
  });

  test.each([40, 80, 100])(
    'no line but the reproduce command exceeds %d columns',
    async (columns) => {
      const long = passingCell({ workload: 'a-workload-of-somebody-with-a-very-long-name' });
      const summary = runOf([...mixedRun().cells, long], { status: 'fail', reason: '' }, 1);
      const lines = (await render(summary, columns)).split('\n');
      const isFree = /reproduce|^x /;
      const wide = lines.filter((line) => line.length > columns && !isFree.test(line));
      const table = lines.findIndex((line) => line.includes('verdict'));
      expect(table).toBeGreaterThan(0);
      if (columns >= 80) expect(wide).toEqual([]);
      expect(lines.slice(table + 1, table + 8).every((line) => line.trim() !== '')).toBe(true);
    },
  );

  test('keeps the names of the scenarios where a narrow terminal has no room for the rest', async () => {
    const wide = await render(modesRun(), 140);
    const narrow = await render(modesRun(), 60);
    for (const text of [wide, narrow]) {
      expect(linesWith(text, 'power-cut-mode-writeback ')).not.toHaveLength(0);
    }
    expect(linesWith(wide, 'scenario')[0]).toMatch(/engine +fault +workload +rig/);
    expect(linesWith(narrow, 'scenario')[0]).not.toMatch(/engine|fault|workload|rig/);
    expect(narrow).toContain('rig: sim');
    expect(narrow).not.toContain('workload: ');
  });

  test('@req A5, B9: a pass that lost something by its leave says what', async () => {
    const text = (await render(modesRun(), 300)).replace(/\n +/g, ' ');
    expect(text).toContain(
      'power-cut-mode-writeback: passes with 4,350 losses of acknowledged writes and 174 exposed ' +
        'blocks over 1,740 crash images: what was not flushed, its contract allows',
    );
    expect(text).toContain(
      'power-cut-mode-none: passes with 8,700 losses of acknowledged writes over',
    );
    expect(text).not.toContain('power-cut-mode-journal: passes');
  });

  test('nothing planned is said in words', async () => {
    expect(await render(emptyRun())).toContain(expectedSentences.empty);
  });
});

test('@req D2: a failure shows violation, place, proof chain and a command on one line', async () => {
  const text = await render(mixedRun());
  expect(text).toContain('- lost at block 5, crash state r2-i41-s7');
  expect(text).toContain('found     operation 9 (writer 0)');
  expect(text).toContain('#92     0.930 ms  flush submitted');
  expect(text).toContain('so the flush was missing at the acknowledgement');
  expect(text).toMatch(/^ {4}reproduce powercut replay results\/run-1\/misdirected#r2-i41-s7$/m);
  expect(text).not.toContain('lying-drive#');
});

test('control characters of outside text never reach the terminal', async () => {
  const text = await render(mixedRun());
  expect(text).toContain('worker ·[31m3·[0m exited');
  expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
});

test('the files are named at the end where the run directory is known', async () => {
  const text = await render(greenRun(), 80, { directory: 'results/r1/', files: ['report.html'] });
  expect(text).toMatch(/files in results\/r1\n {2}results\/r1\/report\.html\n$/);
});

describe('colour', () => {
  beforeEach(() => {
    vi.stubEnv('NO_COLOR', '');
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  async function renderOnTerminal(): Promise<string> {
    const output = recordOutput(true, 80);
    const reporter = terminalReporter.create(terminalReporter.options.parse({}), output);
    await reporter.onEnd(greenRun());
    return output.printed.join('');
  }

  test('is used on a terminal', async () => {
    expect(await renderOnTerminal()).toContain('\u001b[34m');
  });

  test('is not used when NO_COLOR is set, nor without a terminal', async () => {
    expect(await render(greenRun())).not.toContain('\u001b');
    vi.stubEnv('NO_COLOR', '1');
    expect(await renderOnTerminal()).not.toContain('\u001b');
  });
});

describe('progress', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function explore(isTerminal: boolean, stepMs: number, steps: number): readonly string[] {
    const output = recordOutput(isTerminal, 80);
    const parsed = terminalReporter.options.parse({ colour: 'never' });
    const reporter = terminalReporter.create(parsed, output);
    const { scenario } = passingCell();
    reporter.onEvent({ type: 'run-started', runId: 'r', cells: ['a', 'b'] });
    reporter.onEvent({ type: 'cell-started', cell: 'a', scenario });
    for (let step = 0; step < steps; step++) {
      const done = step * 100;
      reporter.onEvent({ type: 'progress', cell: 'a', phase: 'explore', done, total: 10_000 });
      vi.advanceTimersByTime(stepMs);
    }
    return output.printed;
  }

  test('on a terminal one line rewrites itself at most four times a second', () => {
    const printed = explore(true, 10, 101);
    expect(printed).toHaveLength(5);
    expect(printed.every((text) => text.startsWith('\r\u001b[2K') && !text.includes('\n'))).toBe(
      true,
    );
    expect(printed[4]).toContain('[1/2] power-cut  explore 10,000/10,000  10,000/s  0 ms left');
    expect(printed[2]).toContain('explore 5,000/10,000  10,000/s  500 ms left');
  });

  test('elsewhere a plain line appears every few seconds', () => {
    const printed = explore(false, 100, 101);
    expect(printed).toEqual([
      '[1/2] power-cut  explore 5,000/10,000  1,000/s  5.0 s left\n',
      '[1/2] power-cut  explore 10,000/10,000  1,000/s  0 ms left\n',
    ]);
  });

  test('without a terminal each finished cell is a line, in a stream of a whole run', async () => {
    const output = recordOutput(false, 80);
    await playRun(terminalReporter.create(terminalReporter.options.parse({}), output), mixedRun());
    const text = output.printed.join('');
    expect(text).toContain('[1/7] ✓ pass  power-cut  1.2 s\n');
    expect(text).toContain('[6/7] - skip  kill-on-device  1.2 s\n');
    expect(text).not.toContain('\r');
  });
});
