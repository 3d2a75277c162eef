import { describe, expect, test } from 'vitest';
import { verdictSentence, type RunSummary } from '../../harness/contract/index.ts';
import {
  coverageOf,
  emptyRun,
  expectedRun,
  expectedSentences,
  failingCell,
  greenRun,
  hostileModel,
  latencyOf,
  mixedRun,
  passingCell,
  playRun,
  recordOutput,
  runOf,
  unexpectedPassRun,
  wrongKindRun,
} from '../run-summary.fixture.ts';
import htmlReporter from './index.tsx';
import { pageScript } from './page-script.ts';

async function render(summary: RunSummary, input: unknown = {}): Promise<string> {
  const output = recordOutput(false, 80);
  await playRun(htmlReporter.create(htmlReporter.options.parse(input), output), summary);
  expect([...output.files.keys()]).toEqual(['report.html']);
  expect(output.printed).toEqual([]);
  return output.files.get('report.html') ?? '';
}

/** What a reader sees: no markup, no style, no script, entities resolved. */
function textOf(html: string): string {
  return html
    .replace(/<(style|script)\b[^]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ');
}

function sectionOf(html: string, id: string): string {
  const start = html.indexOf(`<section id="${id}"`);
  const end = html.indexOf('<h2>', html.indexOf('<h2>', start) + 1);
  expect(start).toBeGreaterThan(0);
  return html.slice(start, end < 0 ? undefined : end);
}

describe('the verdict', () => {
  test('is worded as in the other reports and heads the page', async () => {
    expect(verdictSentence(mixedRun())).toBe(expectedSentences.mixed);
    expect(verdictSentence(greenRun())).toBe(expectedSentences.green);
    expect(verdictSentence(expectedRun())).toBe(expectedSentences.expected);
    expect(verdictSentence(unexpectedPassRun())).toBe(expectedSentences.unexpectedPass);
    expect(verdictSentence(wrongKindRun())).toBe(expectedSentences.wrongKind);
    expect(verdictSentence(emptyRun())).toBe(expectedSentences.empty);
    const html = await render(mixedRun());
    expect(html).toContain(`<h1 class="verdict verdict-fail">${expectedSentences.mixed}</h1>`);
  });

  test('of each cell stands in the matrix with symbol, word and counts', async () => {
    const text = textOf(sectionOf(await render(mixedRun()), 'verdicts'));
    expect(text).toContain('power-cut ✓ pass 1,600 acked, 2,000 states');
    expect(text).toContain('✗ fail (expected) lost: 41 in 2,000 states');
    expect(text).toContain('✗ fail lost, recovery-failed: 2 in 2,000 states');
    expect(text).toContain('? inconclusive no state judged');
    expect(text).toContain('! error no state judged');
    expect(text).toContain('– skip no state judged');
  });

  test('@req D5: inconclusive, skipped and missing cells say why and never look passed', async () => {
    const text = textOf(sectionOf(await render(mixedRun()), 'cells'));
    expect(text).toContain('the fault never fired');
    expect(text).toContain('io_uring is not available: kernel.io_uring_disabled is 2');
    expect(text).toContain('never-finished It was planned and left no result.');
    expect(text.match(/✓ pass/g)).toHaveLength(1);
  });

  test('stands beside promise and expectation where a failure was expected', async () => {
    const text = textOf(sectionOf(await render(expectedRun()), 'cells'));
    expect(text).toContain('promised: nothing (JOURNAL-ENGINE §2');
    expect(text).toContain('expected: fail (lost or recovery-failed), because the drive answers');
    expect(text).toContain('41 violations in 2,000 crash states');
  });

  test('every link of the page leads to a part of it', async () => {
    const html = await render(mixedRun());
    const targets = [...html.matchAll(/href="#([^"]+)"/g)].map((match) => match[1]);
    expect(targets.length).toBeGreaterThan(10);
    for (const target of targets) expect(html).toContain(`id="${target ?? ''}"`);
  });
});

describe('@req D2: a broken promise', () => {
  test('shows class, place, stamp, proof chain with its cut, and a reproducer', async () => {
    const html = sectionOf(await render(mixedRun()), 'failures');
    const text = textOf(html);
    expect(text).toContain('lost at block 5: expected operation 17 (writer 2)');
    expect(text).toContain('block 5, operation 9, writer 0, epoch 1, value 250, seed 1');
    expect(text).toContain('flush submitted (event 92, 930 µs)');
    expect(text).toContain('So: the chain holds');
    expect(text).toContain('⚡ cut');
    expect(text).toContain('∅ missing');
    expect(text).toContain('powercut replay results/run-1/misdirected#r2-i41-s7');
  });

  test('shows the rows of bytes that differ, with two rows of context', async () => {
    const html = sectionOf(await render(mixedRun()), 'failures');
    expect(textOf(html)).toContain('40 of 512 bytes differ');
    expect(html).toContain(`<ins>${Array(16).fill('ee').join(' ')}</ins>`);
    expect(html).toContain(`<ins>${Array(8).fill('ee').join(' ')}</ins>`);
    expect(html).toContain('00015020');
    expect(html).not.toContain('00015060');
  });

  test('that was not expected comes before one that was', async () => {
    const html = sectionOf(await render(mixedRun()), 'failures');
    expect(html.indexOf('cell-2-failures')).toBeLessThan(html.indexOf('cell-1-failures'));
  });

  test('that is not shown is counted, and one of each cell is shown', async () => {
    const lost = failingCell().failures[0]!;
    const many = Array.from({ length: 50 }, () => lost);
    const cells = ['a', 'b'].map((id) => ({ ...failingCell(), id, failures: many }));
    const html = await render(runOf(cells, { status: 'fail', reason: '' }, 1));
    expect(html.match(/class="failure"/g)).toHaveLength(50);
    expect(html).toContain('id="cell-1-failures"');
  });
});

describe('figures', () => {
  test('each have a caption, a sentence for those who cannot see, and a table of numbers', async () => {
    const html = await render(mixedRun());
    const figures = html.match(/<figure>[^]*?<\/figure>/g) ?? [];
    expect(figures.length).toBeGreaterThanOrEqual(8);
    for (const figure of figures) {
      expect(figure).toContain('<figcaption>');
      expect(figure).toMatch(/role="img" aria-label="[^"]{30,}"/);
      expect(figure).toMatch(/<details><summary>numbers<\/summary><table/);
    }
  });

  test('@req K5: latency of the virtual clock is labelled as no performance figure', async () => {
    const virtual = textOf(sectionOf(await render(mixedRun()), 'latency'));
    expect(virtual).toContain('never a performance figure');
    expect(virtual).toContain('n = 1,600, modelled time');
    const cell = passingCell({ latency: latencyOf(1600, 'real') });
    const real = await render(runOf([cell], { status: 'pass', reason: '' }, 0));
    expect(textOf(sectionOf(real, 'latency'))).not.toContain('modelled');
  });

  test('percentiles with too few samples say so', async () => {
    const text = textOf(sectionOf(await render(mixedRun()), 'latency'));
    expect(text).toMatch(/99 % [\d.]+ µs enough 99\.9 % [\d.]+ µs too few/);
  });

  test('a histogram that cannot be read leaves the percentiles of the summary', async () => {
    const latency = { ...latencyOf(1600, 'real'), histogram: 'bm90IGEgaGlzdG9ncmFt' };
    const html = await render(runOf([passingCell({ latency })], { status: 'pass', reason: '' }, 0));
    expect(textOf(html)).toContain('the histogram could not be read');
  });

  test('write amplification names its purposes, and an unknown count is not 0', async () => {
    const text = textOf(sectionOf(await render(greenRun()), 'write-amplification'));
    expect(text).toContain('journal 1.20×');
    expect(text).toContain('device: not reported');
    expect(text).toMatch(/7\.5 MiB 896 KiB 64 KiB 6\.25 MiB 2\.35× not reported 410 16/);
  });

  test('simulated flash has a column of its own, and only where it was asked for', async () => {
    const flash = { hostBytes: 4096, programmedBytes: 10_240, erases: 1 };
    const green = greenRun();
    const cells = green.cells.map((cell, index) =>
      index > 0 || cell.writeAmplification === undefined
        ? cell
        : { ...cell, writeAmplification: { ...cell.writeAmplification, simulatedFlash: flash } },
    );
    const sectionOfRun = async (run: typeof green): Promise<string> =>
      textOf(sectionOf(await render(run), 'write-amplification'));
    const text = await sectionOfRun({ ...green, cells });
    expect(text).toContain('flash ÷ device, simulated');
    expect(text).toMatch(/2\.35× not reported 410 16 2\.50×/);
    expect(await sectionOfRun(green)).not.toContain('simulated');
  });

  test('coverage compares checked with legal states and counts what was exhausted', async () => {
    const text = textOf(sectionOf(await render(greenRun()), 'coverage'));
    expect(text).toContain('895 of 10^11.1 states checked; 4 of 24 flush intervals exhaustively');
    expect(text).toContain('1, 1 41 794');
  });

  test('that would show nothing say why', async () => {
    const text = textOf(await render(emptyRun()));
    expect(text).toContain('No chart: no cell of this run recorded a latency.');
    expect(text).toContain('No chart: nothing was recovered in this run.');
    expect(text).toContain('No cell left a result, so there is no matrix.');
    expect(text).toContain('No crash state was judged, so nothing can be said of any promise.');
  });

  test('no coordinate is NaN or infinite, whatever the numbers are', async () => {
    const odd = passingCell({
      coverage: [{ round: 1, interval: 0, checked: 0, legalLog10: 0 }],
      latency: { ...latencyOf(1, 'real'), p50Ns: 0, p90Ns: 0, p99Ns: 0, p999Ns: 0, maxNs: 0 },
      recovery: { count: 1, requestsMedian: 0, requestsMax: 0 },
      writeAmplification: {
        userBytes: 1,
        engineBytes: {},
        deviceBytes: 0,
        flushes: 0,
        fuaWrites: 0,
      },
    });
    const html = await render(runOf([odd], { status: 'pass', reason: '' }, 0));
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
    expect(await render(mixedRun())).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('the file', () => {
  test('escapes all text from outside', async () => {
    const html = await render(mixedRun());
    expect(html).not.toContain('<script>alert');
    expect(textOf(html)).toContain(hostileModel);
  });

  test('fetches nothing and runs no script but its own', async () => {
    const html = await render(mixedRun());
    const attributes = [...html.matchAll(/\b(?:src|href|srcset|data|action)="([^"]*)"/g)];
    expect(attributes.filter((match) => !/^(?:#|\.\/)/.test(match[1] ?? ''))).toEqual([]);
    expect(html).not.toMatch(/https?:|@import|url\(/i);
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(html).toMatch(/content="default-src 'none'; style-src[^"]*script-src 'sha256-/);
    expect(html).not.toMatch(/ on[a-z]+="/);
    expect(pageScript.length).toBeLessThan(10_000);
  });

  test('opens and closes every element', async () => {
    for (const summary of [mixedRun(), greenRun(), emptyRun()]) {
      expect(findUnbalanced(await render(summary))).toBe(undefined);
    }
  });

  test('masks what identifies the hardware when asked', async () => {
    expect(await render(mixedRun())).toContain('S3CR3T-0042');
    expect(await render(mixedRun(), { maskSerials: true })).not.toContain('S3CR3T-0042');
  });

  test('links the raw files relative to itself', async () => {
    const html = await render(greenRun(), { files: ['cells/a b/history.bin'] });
    expect(html).toContain('<a href="./cells/a%20b/history.bin">cells/a b/history.bin</a>');
  });

  test('of 100 cells with long histories and 50 whole-block failures stays under 2 MB', async () => {
    const cells = Array.from({ length: 100 }, (_, index) =>
      passingCell({ id: `cell ${index}`, faults: [`fault-${index}`], coverage: coverageOf(3000) }),
    );
    const lost = failingCell().failures[0]!;
    const block = (byte: number): string => Buffer.alloc(4096, byte).toString('hex');
    const whole = {
      ...lost,
      expectedBytes: { byteOffset: 0, hex: block(1) },
      foundBytes: { byteOffset: 0, hex: block(2) },
    };
    const failing = { ...failingCell(), failures: Array.from({ length: 50 }, () => whole) };
    const html = await render(runOf([...cells, failing], { status: 'fail', reason: '' }, 1));
    expect(Buffer.byteLength(html)).toBeLessThan(2_000_000);
  });
});

/** The first tag that is not closed in order, if any. */
function findUnbalanced(html: string): string | undefined {
  const voids = new Set(['meta', 'br', 'hr', 'img', 'input', 'link', 'col', '!doctype']);
  const open: string[] = [];
  const bare = html.replace(/<(style|script)\b[^]*?<\/\1>/g, '');
  for (const [, slash, name = '', close] of bare.matchAll(
    /<(\/?)([a-z!][a-z0-9]*)(?:"[^"]*"|[^">])*?(\/?)>/gi,
  )) {
    const tag = name.toLowerCase();
    if (voids.has(tag) || close === '/') continue;
    if (slash === '') open.push(tag);
    else if (open.pop() !== tag) return tag;
  }
  return open.at(-1);
}
