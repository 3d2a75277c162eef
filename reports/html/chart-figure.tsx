import type { ComponentChildren, VNode } from 'preact';

export interface NumberTable {
  readonly header: readonly string[];
  /** The first value of a row names it. */
  readonly rows: readonly (readonly string[])[];
  /** What the table leaves out, where it leaves something out. */
  readonly note?: string;
}

interface ChartFigureProps {
  readonly title: string;
  /** What the chart shows, as a sentence, for those who cannot see it. */
  readonly description: string;
  readonly numbers: NumberTable;
  readonly width: number;
  readonly height: number;
  readonly children: ComponentChildren;
  readonly caption?: ComponentChildren;
}

/** Every chart is a picture with a caption, a sentence, and its numbers in a table. */
export function ChartFigure(props: ChartFigureProps): VNode {
  const { width, height } = props;
  return (
    <figure>
      <figcaption>
        <b>{props.title}</b> {props.caption}
      </figcaption>
      <svg
        role="img"
        aria-label={props.description}
        viewBox={`0 0 ${width} ${height}`}
        width={width}
        height={height}
      >
        {props.children}
      </svg>
      <details>
        <summary>numbers</summary>
        <Numbers table={props.numbers} />
      </details>
    </figure>
  );
}

function Numbers({ table }: { readonly table: NumberTable }): VNode {
  return (
    <>
      <table class="numbers">
        <thead>
          <tr>
            {table.header.map((title, index) => (
              <th key={index} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map(([name, ...values], index) => (
            <tr key={index}>
              <th scope="row">{name}</th>
              {values.map((value, place) => (
                <td key={place}>{value}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {table.note !== undefined && <p class="soft">{table.note}</p>}
    </>
  );
}

/** In place of a chart that would show nothing. */
export function EmptyFigure({ why }: { readonly why: string }): VNode {
  return <p class="empty">No chart: {why}</p>;
}
