import type { ComponentChildren, VNode } from 'preact';
import { missingCells, verdictSentence, type RunSummary } from '../../harness/contract/index.ts';
import { CellList } from './cell-list.tsx';
import { CoverageFigures } from './coverage-figures.tsx';
import { EnvironmentSection, FileList } from './environment-section.tsx';
import { FailureSection } from './failure-section.tsx';
import { LatencyFigures } from './latency-figures.tsx';
import { formatDurationNs } from './number-format.ts';
import { RecoveryFigure } from './recovery-figure.tsx';
import { SideBySideSection } from './side-by-side-section.tsx';
import { VerdictMatrix } from './verdict-matrix.tsx';
import { WriteAmplificationFigure } from './write-amplification-figure.tsx';

export interface ReportPageProps {
  readonly summary: RunSummary;
  readonly maskSerials: boolean;
  readonly files: readonly string[];
  readonly style: string;
  readonly script: string;
  /** Content-Security-Policy: nothing is fetched, and no script runs but the page's own. */
  readonly policy: string;
}

/** What a reader asks first comes first: the verdict, where, how sure, at what price, on what. */
export function ReportPage(props: ReportPageProps): VNode {
  const { summary } = props;
  const { cells } = summary;
  return (
    <html lang="en">
      <Head {...props} />
      <body>
        <Header summary={summary} />
        <Navigation />
        <main>
          <Section id="verdicts" title="Verdicts">
            <VerdictMatrix cells={cells} />
          </Section>
          <Section id="side-by-side" title="Side by side">
            <SideBySideSection cells={cells} />
          </Section>
          <Section id="cells" title="Cells">
            <CellList cells={cells} missing={missingCells(summary)} />
          </Section>
          <Section id="failures" title="Broken promises">
            <FailureSection cells={cells} />
          </Section>
          <Section id="latency" title="Latency">
            <LatencyFigures cells={cells} />
          </Section>
          <Section id="write-amplification" title="Write amplification">
            <WriteAmplificationFigure cells={cells} />
          </Section>
          <Section id="coverage" title="Crash-state coverage">
            <CoverageFigures cells={cells} />
          </Section>
          <Section id="recovery" title="Recovery">
            <RecoveryFigure cells={cells} />
          </Section>
          <Section id="environment" title="Environment">
            <EnvironmentSection summary={summary} maskSerials={props.maskSerials} />
          </Section>
          <Section id="files" title="Files">
            <FileList files={props.files} />
          </Section>
        </main>
        <footer>
          Made by powercut {summary.toolVersion} from the summary of run {summary.runId}. Figures
          that were not measured are named as such and never shown as 0.
        </footer>
        <script dangerouslySetInnerHTML={{ __html: props.script }} />
      </body>
    </html>
  );
}

function Head({ summary, style, policy }: ReportPageProps): VNode {
  return (
    <head>
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content={policy} />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>{`${summary.verdict.status}: powercut ${summary.runId}`}</title>
      <style dangerouslySetInnerHTML={{ __html: style }} />
    </head>
  );
}

function Header({ summary }: { readonly summary: RunSummary }): VNode {
  const { verdict } = summary;
  const rigs = [...new Set(summary.cells.map((cell) => cell.scenario.rig))];
  return (
    <header>
      <div class="brand">POWERCUT DURABILITY REPORT</div>
      <h1 class={`verdict verdict-${verdict.status}`}>{verdictSentence(summary)}</h1>
      <p class="soft">
        {summary.startedAt}, took {formatDurationNs(summary.tookMs * 1e6)}, seed {summary.seed},{' '}
        {rigs.length === 0 ? 'no rig' : `rig ${rigs.join(' and ')}`}, {summary.host.kernel}, exit
        code {summary.exitCode}. Verdict: {verdict.reason}.
      </p>
    </header>
  );
}

const sections = [
  ['verdicts', 'Verdicts'],
  ['side-by-side', 'Side by side'],
  ['cells', 'Cells'],
  ['failures', 'Broken promises'],
  ['latency', 'Latency'],
  ['write-amplification', 'Write amplification'],
  ['coverage', 'Coverage'],
  ['recovery', 'Recovery'],
  ['environment', 'Environment'],
  ['files', 'Files'],
] as const;

function Navigation(): VNode {
  return (
    <nav aria-label="Sections">
      {sections.map(([id, title]) => (
        <a key={id} href={`#${id}`}>
          {title}
        </a>
      ))}
    </nav>
  );
}

function Section(props: {
  readonly id: string;
  readonly title: string;
  readonly children: ComponentChildren;
}): VNode {
  return (
    <section id={props.id}>
      <h2>{props.title}</h2>
      {props.children}
    </section>
  );
}
