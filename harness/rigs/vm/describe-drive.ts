/**
 * Run inside a guest: says what its drives are, as rig `device` sees them there, after the guard has
 * looked at them. One JSON object a drive, in the order of the arguments.
 */
import { openNamedTarget, type TargetDevice } from '../device.ts';

export type DriveDescription = Pick<TargetDevice, 'node' | 'geometry' | 'facts'>;

for (const name of process.argv.slice(2)) {
  await using target = await openNamedTarget(name);
  const { node, geometry, facts } = target;
  const description: DriveDescription = { node, geometry, facts };
  process.stdout.write(`${JSON.stringify(description)}\n`);
}
