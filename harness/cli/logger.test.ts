import { expect, it } from 'vitest';
import { createLogger, type LogLevel } from './logger.ts';

function linesAt(level: LogLevel): readonly unknown[] {
  const lines: unknown[] = [];
  const log = createLogger(level, { write: (line) => lines.push(JSON.parse(line)) });
  log.info({ cell: 'planted' }, 'cell starts');
  log.warn('probe failed');
  return lines;
}

it('writes one JSON object a line, with its fields and an ISO time', () => {
  expect(linesAt('info')).toEqual([
    {
      level: 30,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
      cell: 'planted',
      msg: 'cell starts',
    },
    expect.objectContaining({ level: 40, msg: 'probe failed' }),
  ]);
});

it('leaves out what is below its level', () => {
  expect(linesAt('warn')).toHaveLength(1);
  expect(linesAt('silent')).toHaveLength(0);
});
