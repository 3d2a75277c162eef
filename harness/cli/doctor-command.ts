import { printAnswer, type CommandContext } from './command-context.ts';
import { askDockerEngine } from './docker-engine.ts';
import { exitCodes } from './exit-codes.ts';
import { checkMachine, checkRigs, type MachineCheck, type RigCheck } from './machine-checks.ts';
import { examples, type Program } from './program.ts';
import { formatTable } from './text-table.ts';

export function addDoctorCommand(program: Program): void {
  program.command
    .command('doctor')
    .description('say what can run on this machine, what is missing and how to get it')
    .addHelpText('after', examples(['powercut doctor', 'powercut doctor --json']))
    .action(() => program.perform(doctor));
}

async function doctor(context: CommandContext): Promise<number> {
  const checks = checkMachine({
    platform: process.platform,
    nodeVersion: process.version,
    capabilities: await context.environment.services.explainHost(),
    engines: await context.environment.services.explainEngines(),
    docker: await askDockerEngine(),
  });
  const rigs = checkRigs(checks);
  printAnswer(context, { rigs, checks }, formatRigs(rigs) + formatChecks(checks));
  const canSimulate = rigs.some(({ rig, available }) => rig === 'sim' && available);
  return canSimulate ? exitCodes.pass : exitCodes.inconclusive;
}

function formatRigs(rigs: readonly RigCheck[]): string {
  return formatTable(
    rigs.map(({ rig, available, missing }) => [
      `rig ${rig}`,
      available ? 'runs here' : `does not run here: ${missing.join(', ')} missing`,
    ]),
  );
}

function formatChecks(checks: readonly MachineCheck[]): string {
  const rows = checks.map(({ name, ok, found, neededFor }) => [
    ok ? 'ok' : 'missing',
    name,
    `for ${neededFor}`,
    found,
  ]);
  const remedies = checks.filter(({ ok }) => !ok).map(({ name, remedy }) => [`  ${name}`, remedy]);
  const advice =
    remedies.length === 0 ? '' : `\nHow to get what is missing:\n${formatTable(remedies)}`;
  return `\n${formatTable(rows)}${advice}`;
}
