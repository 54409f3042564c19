// Turns the measurements of bench:ingest into results/ingest.md.
import { describeMachine } from './machine.mjs';
import { median } from './measure.mjs';
import { figure, goal, percent, ratio, save, table } from './report.mjs';

const thousands = (value) => figure(value / 1000);

export function reportIngest(results, { quick, rounds, batches, faces }) {
  const mid = (what, field) => median((results[what] ?? [{}]).map((measured) => measured[field]));
  const spread = (what) => {
    const rates = results[what].map(({ rate }) => rate);
    return percent((Math.max(...rates) - Math.min(...rates)) / median(rates));
  };
  /** Per CPU second, because what else runs on the machine distorts that least. */
  const share = (batch) => mid(`opstream ${batch}`, 'perCpuSecond') / mid(`raw ${batch}`, 'perCpuSecond');
  const rateShare = (batch) => mid(`opstream ${batch}`, 'rate') / mid(`raw ${batch}`, 'rate');
  const all = Object.values(results).flat();

  const text = `# Ingest: events per second, acknowledged durably

${describeMachine()}. ${new Date().toISOString().slice(0, 10)}, medians of ${rounds} rounds, \`DURABILITY=${process.env.DURABILITY ?? 'normal'}\`.
Others used ${percent(median(all.map(({ others }) => others)))} of the machine in the median round and ${percent(Math.max(...all.map(({ others }) => others)))} in the worst.
Log events of 300 bytes over 20 operations. Server on one core, client on the other.

## OperationsService beside raw better-sqlite3

Same schema, same indexes, same settings, same number of events per transaction.

${table(
  [
    'events per transaction',
    'raw, k/s',
    'service, k/s',
    'service / raw',
    'service / raw per CPU second',
    'spread of raw',
    'of service',
  ],
  batches.map((batch) => [
    batch,
    thousands(mid(`raw ${batch}`, 'rate')),
    thousands(mid(`opstream ${batch}`, 'rate')),
    ratio(rateShare(batch)),
    ratio(share(batch)),
    spread(`raw ${batch}`),
    spread(`opstream ${batch}`),
  ]),
)}

## Faces

${table(
  ['face', 'k events/s', 'k events per CPU second of the server', 'spread'],
  faces.map((face) => [
    face,
    thousands(mid(face, 'rate')),
    thousands(mid(face, 'perCpuSecond')),
    spread(face),
  ]),
)}

## Goals

${table(
  ['what', 'target', 'measured', 'met'],
  [
    ...batches.map((batch) =>
      goal(`service / raw, ${batch} per transaction (per CPU second)`, share(batch), '≥', 0.5, ' ×'),
    ),
    ...faces
      .filter((face) => face.startsWith('hub'))
      .map((face) => goal(`${face}, per CPU second`, mid(face, 'perCpuSecond') / 1000, '≥', 20, ' k')),
  ],
)}
`;
  save('ingest.md', text, quick);
  console.log(text);
}
