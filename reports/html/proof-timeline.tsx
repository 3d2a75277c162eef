import type { VNode } from 'preact';
import type { Proof, ProofStep } from '../../harness/contract/index.ts';
import { formatDurationNs } from './number-format.ts';

type Lane = 'caller' | 'write' | 'flush' | 'drive';

const laneOf: Readonly<Record<ProofStep['what'], Lane>> = {
  invoked: 'caller',
  acknowledged: 'caller',
  'write-submitted': 'write',
  'write-completed': 'write',
  'flush-submitted': 'flush',
  'flush-completed': 'flush',
  cut: 'drive',
  missing: 'drive',
};

const lanes = ['caller', 'write', 'flush'] as const;
const laneHeight = 26;
const top = 22;
const left = 52;
const stepWidth = 84;

const words: Readonly<Record<ProofStep['what'], string>> = {
  invoked: 'invoked',
  'write-submitted': 'submitted',
  'write-completed': 'completed',
  'flush-submitted': 'submitted',
  'flush-completed': 'completed',
  acknowledged: 'acked',
  cut: 'cut',
  missing: 'missing',
};

/** The chain that made the write durable, step by step; the steps are evenly spaced, not to scale. */
export function ProofTimeline({ proof }: { readonly proof: Proof | undefined }): VNode {
  if (proof === undefined) {
    return <p class="empty">No proof chain was recorded for this violation.</p>;
  }
  return (
    <div class="proof">
      <div class="scroll">
        <LaneChart proof={proof} />
      </div>
      <ol>
        {proof.steps.map((step, index) => (
          <li key={index} class={step.what}>
            {step.text} <span class="soft">{describeWhen(step)}</span>
          </li>
        ))}
      </ol>
      <p>
        <b>So:</b> {proof.conclusion}
      </p>
    </div>
  );
}

function LaneChart({ proof }: { readonly proof: Proof }): VNode {
  const width = left + proof.steps.length * stepWidth + 8;
  const height = top + lanes.length * laneHeight + 8;
  const description = `Proof chain of operation ${proof.op}: ${proof.conclusion}`;
  return (
    <svg
      class="lanes"
      role="img"
      aria-label={description}
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
    >
      {lanes.map((lane, index) => (
        <g key={lane}>
          <line
            class="rule"
            x1={left - 8}
            x2={width}
            y1={yOf(index)}
            y2={yOf(index)}
            stroke="#999"
          />
          <text x="0" y={yOf(index) + 4} fill="currentColor">
            {lane}
          </text>
        </g>
      ))}
      <Spans steps={proof.steps} />
      {proof.steps.map((step, index) => (
        <StepMark key={index} step={step} x={xOf(index)} height={height} />
      ))}
    </svg>
  );
}

function xOf(step: number): number {
  return left + step * stepWidth + stepWidth / 2;
}

function yOf(lane: number): number {
  return top + lane * laneHeight + laneHeight / 2;
}

/** A bar from each submission to the next completion of its lane. */
function Spans({ steps }: { readonly steps: readonly ProofStep[] }): VNode {
  return (
    <>
      {steps.flatMap((step, index) => {
        if (step.what !== 'write-submitted' && step.what !== 'flush-submitted') return [];
        const lane = laneOf[step.what];
        const done = steps.findIndex(
          (later, place) => place > index && laneOf[later.what] === lane,
        );
        if (done < 0) return [];
        const y = yOf(lanes.findIndex((name) => name === lane));
        return [
          <line class="span" x1={xOf(index)} x2={xOf(done)} y1={y} y2={y} stroke="#0b5cad" />,
        ];
      })}
    </>
  );
}

function StepMark(props: {
  readonly step: ProofStep;
  readonly x: number;
  readonly height: number;
}): VNode {
  const { step, x, height } = props;
  const lane = lanes.findIndex((name) => name === laneOf[step.what]);
  if (lane < 0) {
    return (
      <g class={step.what}>
        <line x1={x} x2={x} y1={top - 4} y2={height} stroke="#a34a00" stroke-dasharray="5 3" />
        <text x={x} y={top - 8} text-anchor="middle" fill="#a34a00">
          {step.what === 'cut' ? '⚡ cut' : '∅ missing'}
        </text>
      </g>
    );
  }
  return (
    <g class="step">
      <circle cx={x} cy={yOf(lane)} r="4" fill="#0b5cad" />
      <text x={x} y={yOf(lane) - 8} text-anchor="middle" fill="currentColor">
        {words[step.what]}
      </text>
    </g>
  );
}

function describeWhen(step: ProofStep): string {
  const seq = step.seq === undefined ? [] : [`event ${step.seq}`];
  const at = step.atNs === undefined ? [] : [formatDurationNs(step.atNs)];
  const facts = [...seq, ...at];
  return facts.length === 0 ? '' : `(${facts.join(', ')})`;
}
