import { createHash } from 'node:crypto';
import { renderToString } from 'preact-render-to-string';
import { z } from 'zod';
import type { ReporterModule, RunSummary } from '../../harness/contract/index.ts';
import { pageScript } from './page-script.ts';
import { ReportPage } from './report-page.tsx';
import { styleSheet } from './style-sheet.ts';

const options = z.strictObject({
  /** Leaves out what identifies a piece of hardware, for reports that are passed on. */
  maskSerials: z.boolean().default(false),
  /** Names of files in the run directory, to be linked. */
  files: z.array(z.string()).default([]),
});

type HtmlOptions = z.infer<typeof options>;

const htmlReporter: ReporterModule<HtmlOptions> = {
  kind: 'reporter',
  apiVersion: 1,
  name: 'html',
  summary: 'report.html: one file, no network, complete without JavaScript.',
  options,
  create: (chosen, output) => ({
    onEvent: () => undefined,
    onEnd: async (summary) => {
      await output.writeFile('report.html', renderReport(summary, chosen));
    },
  }),
};

export default htmlReporter;

function renderReport(summary: RunSummary, chosen: HtmlOptions): string {
  const scriptHash = createHash('sha256').update(pageScript).digest('base64');
  const page = renderToString(
    <ReportPage
      summary={summary}
      maskSerials={chosen.maskSerials}
      files={chosen.files}
      style={styleSheet()}
      script={pageScript}
      policy={`default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'`}
    />,
  );
  return `<!doctype html>\n${page}\n`;
}
