import { z } from 'zod';
import type { ReporterModule } from '../../harness/contract/index.ts';

const options = z.strictObject({});

const jsonReporter: ReporterModule<z.infer<typeof options>> = {
  kind: 'reporter',
  apiVersion: 1,
  name: 'json',
  summary: 'The whole summary as report.json, for other programs.',
  options,
  create: (_options, output) => ({
    onEvent: () => undefined,
    onEnd: async (summary) => {
      await output.writeFile('report.json', `${JSON.stringify(summary, null, 2)}\n`);
    },
  }),
};

export default jsonReporter;
