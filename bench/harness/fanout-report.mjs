// What `fanout` found, as Markdown with the goals on top, and as a chart.
import { CONTESTANTS } from './contestants.mjs';
import { describeMachine } from './machine.mjs';
import { median } from './measure.mjs';
import { barChart } from './plot.mjs';
import { figure, goal, percent, ratio, save, table } from './report.mjs';

export function reportFanout(results, { quick, rounds, names }) {
  const of = (what, name, pick) => {
    const measured = results[what]?.[name];
    return measured ? median(measured.map(pick)) : NaN;
  };
  /** Median over the rounds of what one server reached as a multiple of another in the same round. */
  const against = (what, name, peer, pick = perCpuSecond) => {
    const [ours, theirs] = [results[what]?.[name], results[what]?.[peer]];
    return ours && theirs ? median(ours.map((measured, round) => pick(measured) / pick(theirs[round]))) : NaN;
  };
  const sections = [
    `# Fan-out\n\n${new Date().toISOString().slice(0, 16)}Z · ${describeMachine()}\n\n` +
      `Medians of ${rounds} rounds; a ratio is the median of the rounds' ratios. Other processes took ${noiseOf(results)} of the machine. ` +
      'Method and words: [README](../README.md).',
    `## Goals\n\n${goals(of, against, results)}`,
    `## Throughput, 1000 subscribers, 300-byte events\n\n${throughput(of, against, names)}`,
    `## Latency at 50,000 deliveries/s\n\n${latency(of, against, names)}`,
    `## Opstream by load\n\n${byLoad(of)}`,
  ];
  const text = `${sections.join('\n\n')}\n`;
  console.log(text);
  save('fanout.md', text, quick);
  save('fanout.svg', chart(of, names), quick);
}

const thousands = (value) => `${Math.round(value / 1000)} k`;
const perCpuSecond = ({ perCpuSecond }) => perCpuSecond;
const rate = ({ rate }) => rate;
const p99 = ({ latency }) => latency.p99;

function goals(of, against, results) {
  const ours = (what, pick) => of(what, 'opstream', pick);
  const rows = [
    goal('single events, of the C `send()` loop', against('single', 'opstream', 'floor'), '≥', 0.75),
    goal('single events, of Socket.IO', against('single', 'opstream', 'socketio'), '≥', 1.6),
    goal('single events, of the Nest gateway', against('single', 'opstream', 'nest'), '≥', 1.35),
    goal('bursts of 16, of the C `send()` loop', against('burst', 'opstream', 'floor'), '≥', 0.65),
    goal('bursts of 16, of Socket.IO', against('burst', 'opstream', 'socketio'), '≥', 15),
    goal('bursts of 16, of the Nest gateway', against('burst', 'opstream', 'nest'), '≥', 15),
    goal('bursts of 16, of plain ws', against('burst', 'opstream', 'ws'), '≥', 15),
    goal('500 events/s to 1000: p99', ours('offered', p99), '≤', 50, ' ms'),
    goal(
      '500 events/s to 1000: subscriptions that fell behind',
      ours('offered', ({ highest }) => highest.lagging),
      '≤',
      0,
    ),
    goal(
      'p99 at 50,000 deliveries/s, of Socket.IO',
      against('latency', 'opstream', 'socketio', p99),
      '≤',
      0.5,
    ),
    goal(
      '5000 subscribers: p99.9 of the event loop delay',
      ours('latency-5000', ({ loopDelay }) => loopDelay.p999),
      '≤',
      15,
      ' ms',
    ),
    goal(
      'CPU per delivery, 5000 subscribers to 100',
      pairs(results['single-5000'], results['single-100']),
      '≤',
      1.6,
    ),
    goal(
      'compressed broadcast: CPU of uncompressed',
      pairs(results.compressed, results.uncompressed),
      '≤',
      1.1,
    ),
  ];
  return table(['what', 'goal', 'measured', 'met'], rows);
}

/** Median of the ratios of what a delivery costs in alternating pairs. */
function pairs(one, other) {
  if (!one || !other) return NaN;
  return median(
    one.opstream.map(({ cpuPerMillion }, pair) => cpuPerMillion / other.opstream[pair].cpuPerMillion),
  );
}

function throughput(of, against, names) {
  const cells = (what, name) => [
    figure(of(what, name, rate) / 1000),
    figure(of(what, name, ({ cpuPerMillion }) => cpuPerMillion)),
    ratio(against(what, name, 'floor')),
  ];
  return table(
    ['server', 'single k/s', 'CPU s/million', 'of floor', 'bursts of 16 k/s', 'CPU s/million', 'of floor'],
    names.map((name) => [CONTESTANTS[name].title, ...cells('single', name), ...cells('burst', name)]),
  );
}

function latency(of, against, names) {
  const ms = (name, key) => figure(of('latency', name, ({ latency }) => latency[key]));
  return table(
    ['server', 'p50 ms', 'p99 ms', 'p99.9 ms', 'p99, of Socket.IO', 'CPU s/million'],
    names.map((name) => [
      CONTESTANTS[name].title,
      ...['p50', 'p99', 'p999'].map((key) => ms(name, key)),
      ratio(against('latency', name, 'socketio', p99)),
      figure(of('latency', name, ({ cpuPerMillion }) => cpuPerMillion)),
    ]),
  );
}

const LOADS = {
  single: '1000 subscribers, each event written before the next is recorded',
  stream: '1000 subscribers, events recorded as fast as the log takes them',
  burst: '1000 subscribers, bursts of 16',
  offered: '1000 subscribers, 500 events/s offered',
  'single-100': '100 subscribers, single events',
  'latency-100': '100 subscribers, 50,000 deliveries/s',
  'single-5000': '5000 subscribers, single events',
  'latency-5000': '5000 subscribers, 50,000 deliveries/s',
  uncompressed: '1000 subscribers, uncompressed',
  compressed: '1000 subscribers, compressed',
};

function byLoad(of) {
  const rows = Object.entries(LOADS).map(([what, title]) => {
    const pick = (choose) => figure(of(what, 'opstream', choose));
    return [
      title,
      figure(of(what, 'opstream', rate) / 1000),
      pick(({ cpuPerMillion }) => cpuPerMillion),
      pick(({ bytesPerEvent }) => bytesPerEvent),
      pick(({ latency }) => latency.p50),
      pick(p99),
      pick(({ loopDelay }) => loopDelay.p999),
    ];
  });
  return table(
    ['load', 'k/s', 'CPU s/million', 'bytes', 'p50 ms', 'p99 ms', 'loop delay p99.9 ms'],
    rows.filter(([, measured]) => measured !== '–'),
  );
}

function noiseOf(results) {
  const shares = Object.values(results).flatMap((byName) =>
    Object.values(byName)
      .flat()
      .map(({ others }) => others),
  );
  return `${percent(median(shares))} (median; at most ${percent(Math.max(...shares))})`;
}

function chart(of, names) {
  const bars = (what, pick, text) =>
    names.map((name) => {
      const value = of(what, name, pick);
      return { name, label: CONTESTANTS[name].title, value, text: text(value) };
    });
  return barChart('Fan-out to 1000 subscribers', [
    { title: 'Single events: deliveries per CPU second', bars: bars('single', perCpuSecond, thousands) },
    { title: 'Bursts of 16: deliveries per CPU second', bars: bars('burst', perCpuSecond, thousands) },
    {
      title: 'p99 at 50,000 deliveries/s, ms',
      bars: bars(
        'latency',
        ({ latency }) => latency.p99,
        (value) => `${figure(value)} ms`,
      ),
    },
  ]);
}
