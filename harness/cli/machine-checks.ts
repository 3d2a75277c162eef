import type { HostCapability } from '../device/host-probe.ts';
import type { DockerAnswer } from './docker-engine.ts';

/** One thing that some part of Powercut needs of the machine. */
export interface MachineCheck {
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly found: string;
  readonly neededFor: string;
  /** How to get it where it is missing. */
  readonly remedy: string;
}

export interface RigCheck {
  readonly rig: 'sim' | 'device';
  readonly available: boolean;
  /** Names of the checks that failed and that the rig needs. */
  readonly missing: readonly string[];
}

/** What is known of the machine, before anything is made of it. */
export interface MachineFacts {
  readonly platform: string;
  readonly nodeVersion: string;
  readonly capabilities: readonly HostCapability[];
  readonly docker: DockerAnswer;
}

const everything = 'everything';
const deviceRig = 'rig device';

/** Everything that a rig may need, in the order in which a person would see to it. */
export function checkMachine(facts: MachineFacts): readonly MachineCheck[] {
  const { platform, nodeVersion, capabilities, docker } = facts;
  return [
    nodeCheck(nodeVersion),
    linuxCheck(platform),
    ...capabilities.map(capabilityCheck),
    dockerCheck(docker),
  ];
}

/** Which rigs can run here, by the checks. */
export function checkRigs(checks: readonly MachineCheck[]): readonly RigCheck[] {
  const missingFor = (...needs: readonly string[]): readonly string[] =>
    checks.filter(({ ok, neededFor }) => !ok && needs.includes(neededFor)).map(({ name }) => name);
  const sim = missingFor(everything);
  const device = missingFor(everything, deviceRig);
  return [
    { rig: 'sim', available: sim.length === 0, missing: sim },
    { rig: 'device', available: device.length === 0, missing: device },
  ];
}

function nodeCheck(version: string): MachineCheck {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return {
    name: 'Node',
    ok: major > 20 || (major === 20 && minor >= 19),
    found: version,
    neededFor: everything,
    remedy: 'install Node 20.19 or later (https://nodejs.org)',
  };
}

function linuxCheck(platform: string): MachineCheck {
  return {
    name: 'Linux',
    ok: platform === 'linux',
    found: platform,
    neededFor: deviceRig,
    remedy: 'run it on Linux, or in a virtual machine that runs Linux',
  };
}

function capabilityCheck({ name, available, reason, fix }: HostCapability): MachineCheck {
  return { name, ok: available, found: reason, neededFor: deviceRig, remedy: fix };
}

function dockerCheck(docker: DockerAnswer): MachineCheck {
  return {
    name: 'Docker engine',
    ok: docker.reachable,
    found: docker.reachable ? docker.version : docker.reason,
    neededFor: 'runs in a container (optional)',
    remedy: 'apt-get install docker.io, then start dockerd; or set DOCKER_HOST',
  };
}
