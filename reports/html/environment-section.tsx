import type { VNode } from 'preact';
import type { HostFacts, RunSummary } from '../../harness/contract/index.ts';
import { Fact } from './cell-list.tsx';
import { formatBytes, formatDurationNs } from './number-format.ts';

interface EnvironmentProps {
  readonly summary: RunSummary;
  readonly maskSerials: boolean;
}

/** Names under which drives report what identifies one piece of hardware. */
const identifying = /serial|wwn|wwid|eui|nguid|uuid|by-?id/i;

export function EnvironmentSection({ summary, maskSerials }: EnvironmentProps): VNode {
  const { host } = summary;
  return (
    <dl class="facts">
      <Fact name="command">
        <code data-copy>{summary.command}</code>
      </Fact>
      <Fact name="run">{summary.runId}</Fact>
      <Fact name="powercut">{summary.toolVersion}</Fact>
      <Fact name="started">{summary.startedAt}</Fact>
      <Fact name="took">{formatDurationNs(summary.tookMs * 1e6)}</Fact>
      <Fact name="seed">{summary.seed}</Fact>
      <Fact name="exit code">{summary.exitCode}</Fact>
      <Fact name="kernel">{host.kernel}</Fact>
      <Fact name="Node.js">{host.node}</Fact>
      <Fact name="processor">
        {host.cpuCount} × {host.cpuModel}
      </Fact>
      <Fact name="memory">{formatBytes(host.memoryBytes)}</Fact>
      {namedFacts('machine', host.machine ?? {}, maskSerials)}
      {host.device === undefined ? (
        <Fact name="device">no real device was opened; the drive was simulated</Fact>
      ) : (
        namedFacts('device', host.device, maskSerials)
      )}
      {namedFacts('data device', host.dataDevice ?? {}, maskSerials)}
    </dl>
  );
}

function namedFacts(
  owner: string,
  facts: NonNullable<HostFacts['device']>,
  maskSerials: boolean,
): readonly VNode[] {
  return Object.entries(facts).map(([name, value]) => (
    <Fact key={name} name={`${owner} ${name}`}>
      {maskSerials && identifying.test(name) ? 'masked' : String(value)}
    </Fact>
  ));
}

/** Relative, so that the report and its files can be moved together. */
export function FileList({ files }: { readonly files: readonly string[] }): VNode {
  if (files.length === 0) {
    return <p>The raw files of the run lie in the directory of this report.</p>;
  }
  return (
    <ul class="files">
      {files.map((file) => (
        <li key={file}>
          <a href={`./${file.split('/').map(encodeURIComponent).join('/')}`}>{file}</a>
        </li>
      ))}
    </ul>
  );
}
