/**
 * Run inside a guest: says what its drives are, as rig `device` sees them there, after the guard has
 * looked at them. One JSON object a drive, in the order of the arguments.
 */
import { openNamedTarget } from '../device.ts';

for (const name of process.argv.slice(2)) {
  await using target = await openNamedTarget(name);
  const { node, geometry, facts } = target;
  process.stdout.write(`${JSON.stringify({ node, geometry, facts })}\n`);
}
