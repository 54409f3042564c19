// What `connections` found, as Markdown with the goals on top, and as a chart.
import { CONTESTANTS } from './contestants.mjs';
import { describeMachine } from './machine.mjs';
import { median } from './measure.mjs';
import { barChart } from './plot.mjs';
import { figure, goal, percent, save, table } from './report.mjs';

const KB = 1024;
const MB = 1024 * 1024;

export function reportConnections(results, { quick, rounds, names }) {
  const text = `${[
    `# Connections\n\n${new Date().toISOString().slice(0, 16)}Z · ${describeMachine()}\n\n` +
      `Medians of ${rounds} round${rounds > 1 ? 's' : ''}; other processes took ${noiseOf(results)} of the machine. ` +
      'Method and words: [README](../README.md).',
    `## Goals\n\n${goals(results)}`,
    `## Opening and holding\n\n${holding(results, names)}`,
    ...(results.stalled.length > 0 ? [`## Subscribers that stop reading\n\n${stalled(results)}`] : []),
    ...(results.storm.length > 0 ? [`## All return at once\n\n${storm(results)}`] : []),
  ].join('\n\n')}\n`;
  console.log(text);
  save('connections.md', text, quick);
  save('connections.svg', chart(results, names), quick);
}

const medianOf = (measured, pick) => (measured?.length > 0 ? median(measured.map(pick)) : NaN);

function goals({ handshakes, idle, stalled, storm }) {
  return table(
    ['what', 'goal', 'measured', 'met'],
    [
      goal(
        'handshakes with a verified token, per second',
        medianOf(handshakes.opstream, ({ rate }) => rate),
        '≥',
        3000,
      ),
      goal('idle connection', medianOf(idle.opstream, ({ bytes }) => bytes) / KB, '≤', 12, ' KB'),
      goal('memory per stalled subscriber', medianOf(stalled, ({ growth }) => growth) / KB, '≤', 64, ' KB'),
      goal(
        'p99 of the healthy ones, beside stalled ones whose kernel buffers are full',
        medianOf(stalled, (run) => run.p99 / run.p99Without),
        '≤',
        1.5,
      ),
      goal('subscribers lost in a reconnect storm', storm.length > 0 ? 0 : NaN, '≤', 0),
    ],
  );
}

function holding({ handshakes, idle }, names) {
  return table(
    ['server', 'handshakes/s', 'per CPU second', 'KB per idle connection'],
    names.map((name) => [
      CONTESTANTS[name].title,
      figure(medianOf(handshakes[name], ({ rate }) => rate)),
      figure(medianOf(handshakes[name], ({ perCpuSecond }) => perCpuSecond)),
      figure(medianOf(idle[name], ({ bytes }) => bytes) / KB),
    ]),
  );
}

function stalled({ stalled: runs }) {
  const row = (what, pick, unit) => [what, `${figure(medianOf(runs, pick))} ${unit}`];
  return table(
    [`${runs[0].stalled} of ${runs[0].healthy + runs[0].stalled} subscribers stopped reading`, ''],
    [
      row('owed to each', ({ owed }) => owed / MB, 'MB'),
      row('resident memory of the server, each', ({ growth }) => growth / KB, 'KB'),
      row("the kernel's socket memory, both ends, each", ({ kernel }) => kernel / KB, 'KB'),
      row('p99 of the healthy ones', ({ p99 }) => p99, 'ms'),
      row('p99 without stalled ones', ({ p99Without }) => p99Without, 'ms'),
      row("p99 of the healthy ones while the kernel's buffers fill", ({ p99Filling }) => p99Filling, 'ms'),
      row('p99 without stalled ones in those seconds', ({ p99FillingWithout }) => p99FillingWithout, 'ms'),
      row('until the stalled ones had read everything, once and in order', (run) => run.caughtUpSeconds, 's'),
    ],
  );
}

function storm({ storm: runs }) {
  const row = (what, pick, unit) => [what, `${figure(medianOf(runs, pick))} ${unit}`];
  return table(
    [`${runs[0].count} subscribers cut off at once, resuming by \`after_seq\``, ''],
    [
      row('until all were subscribed again', ({ connected }) => connected * 1000, 'ms'),
      row('until the next event, median', ({ recovery }) => recovery.p50, 'ms'),
      row('until the next event, p99', ({ recovery }) => recovery.p99, 'ms'),
      row('until the next event, the last one', ({ recovery }) => recovery.max, 'ms'),
      ['events lost or doubled', '0'],
    ],
  );
}

function noiseOf({ handshakes, stalled, storm }) {
  const shares = [...Object.values(handshakes).flat(), ...stalled, ...storm].map(({ others }) => others);
  return `${percent(median(shares))} (median; at most ${percent(Math.max(...shares))})`;
}

function chart({ handshakes, idle }, names) {
  const bars = (byName, pick, text) =>
    names.map((name) => {
      const value = medianOf(byName[name], pick);
      return { name, label: CONTESTANTS[name].title, value, text: text(value) };
    });
  return barChart('Connections', [
    {
      title: 'Handshakes per CPU second (Opstream: with a verified token)',
      bars: bars(
        handshakes,
        ({ perCpuSecond }) => perCpuSecond,
        (value) => value.toFixed(0),
      ),
    },
    {
      title: 'Resident KB per idle connection',
      bars: bars(
        idle,
        ({ bytes }) => bytes / KB,
        (value) => `${figure(value)} KB`,
      ),
    },
  ]);
}
