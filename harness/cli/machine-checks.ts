import { rigNames, type RigName } from '../contract/index.ts';
import type { HostCapability } from '../device/host-probe.ts';
import type { DockerAnswer } from './docker-engine.ts';
import type { EngineAvailability } from './services.ts';

/** One thing that some part of Powercut needs of the machine. */
export interface MachineCheck {
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly found: string;
  readonly neededFor: string;
  /** The rigs that cannot do without it. */
  readonly rigs: readonly RigName[];
  /** How to get it where it is missing. */
  readonly remedy: string;
}

export interface RigCheck {
  readonly rig: RigName;
  readonly available: boolean;
  /** Names of the checks that failed and that the rig needs. */
  readonly missing: readonly string[];
}

/** What is known of the machine, before anything is made of it. */
export interface MachineFacts {
  readonly platform: string;
  readonly nodeVersion: string;
  readonly capabilities: readonly HostCapability[];
  readonly engines: readonly EngineAvailability[];
  readonly docker: DockerAnswer;
}

/** All but the twin in this process, which needs nothing but Node. */
const ofLinux: readonly RigName[] = ['fuse', 'device', 'vm'];

/** Everything that a rig may need, in the order in which a person would see to it. */
export function checkMachine(facts: MachineFacts): readonly MachineCheck[] {
  const { platform, nodeVersion, capabilities, engines, docker } = facts;
  return [
    nodeCheck(nodeVersion),
    linuxCheck(platform),
    ...capabilities.map(capabilityCheck),
    ...engines.map(engineCheck),
    dockerCheck(docker),
  ];
}

/** Which rigs can run here, by the checks. */
export function checkRigs(checks: readonly MachineCheck[]): readonly RigCheck[] {
  return rigNames.map((rig) => {
    const missing = checks.filter(({ ok, rigs }) => !ok && rigs.includes(rig));
    return { rig, available: missing.length === 0, missing: missing.map(({ name }) => name) };
  });
}

function nodeCheck(version: string): MachineCheck {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return {
    name: 'Node',
    ok: major > 20 || (major === 20 && minor >= 19),
    found: version,
    neededFor: 'everything',
    rigs: rigNames,
    remedy: 'install Node 20.19 or later (https://nodejs.org)',
  };
}

function linuxCheck(platform: string): MachineCheck {
  return {
    name: 'Linux',
    ok: platform === 'linux',
    found: platform,
    neededFor: describeRigs(ofLinux),
    rigs: ofLinux,
    remedy: 'run it on Linux, or in a virtual machine that runs Linux',
  };
}

function capabilityCheck(capability: HostCapability): MachineCheck {
  const { name, available, reason, fix, rigs } = capability;
  return {
    name,
    ok: available,
    found: reason,
    neededFor: describeRigs(rigs),
    rigs,
    remedy: fix,
  };
}

/** An engine says itself what it lacks, and after a colon where to get it. */
function engineCheck(engine: EngineAvailability): MachineCheck {
  const [found = '', remedy] = engine.available
    ? ['can be tested here']
    : engine.reason.split(/: (.*)/s);
  return {
    name: `engine ${engine.name}`,
    ok: engine.available,
    found,
    neededFor: 'scenarios with it',
    rigs: [],
    remedy: remedy ?? 'rig vm has a kernel of its own, which may have it',
  };
}

function describeRigs(rigs: readonly RigName[]): string {
  return `${rigs.length === 1 ? 'rig' : 'rigs'} ${rigs.join(', ')}`;
}

function dockerCheck(docker: DockerAnswer): MachineCheck {
  return {
    name: 'Docker engine',
    ok: docker.reachable,
    found: docker.reachable ? docker.version : docker.reason,
    neededFor: 'runs in a container (optional)',
    rigs: [],
    remedy: 'apt-get install docker.io, then start dockerd; or set DOCKER_HOST',
  };
}
