import { defineConfig } from 'vitest/config';

const excluded = ['**/node_modules/**', '**/dist/**', '**/.cache/**', '**/results/**'];

/** Projects by file suffix; CONTRIBUTING.md says what each may use. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts', '**/*.test.tsx'],
          exclude: [
            ...excluded,
            '**/*.property.test.ts',
            '**/*.kernel.test.ts',
            '**/bench-smoke.test.ts',
          ],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'property',
          include: ['**/*.property.test.ts'],
          exclude: excluded,
          testTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['**/*.kernel.test.ts'],
          exclude: excluded,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'bench-smoke',
          include: ['**/bench-smoke.test.ts'],
          exclude: excluded,
          testTimeout: 120_000,
        },
      },
    ],
  },
});
