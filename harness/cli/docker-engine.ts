export type DockerAnswer =
  | { readonly reachable: true; readonly version: string }
  | { readonly reachable: false; readonly reason: string };

const answerTimeoutMs = 3000;

/**
 * Asks the Docker engine for its version, at the address that the docker command would use. The
 * client is loaded only here: it is large, and no other command needs it.
 */
export async function askDockerEngine(): Promise<DockerAnswer> {
  try {
    const { default: Docker } = await import('dockerode');
    const { Version } = await new Docker({ timeout: answerTimeoutMs }).version();
    return { reachable: true, version: Version };
  } catch (error) {
    return { reachable: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
