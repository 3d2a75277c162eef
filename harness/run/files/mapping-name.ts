import { randomUUID } from 'node:crypto';

/** For a device-mapper device of a run: no other run has it, and `powercut clean` may take it away. */
export function mappingName(): string {
  return `powercut-${randomUUID()}`;
}
