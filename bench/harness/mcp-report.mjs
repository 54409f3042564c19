// Turns the measurements of bench:mcp into results/mcp.md and results/mcp.svg.
import { describeMachine } from './machine.mjs';
import { median } from './measure.mjs';
import { barChart } from './plot.mjs';
import { figure, goal, percent, save, table } from './report.mjs';

export function reportMcp(results, { quick, rounds, connections, notifications }) {
  const names = Object.keys(results);
  const mid = (name, field) => median((results[name] ?? [{}]).map((measured) => measured[field]));
  const spread = (name) => {
    const rates = results[name].map(({ rate }) => rate);
    return percent((Math.max(...rates) - Math.min(...rates)) / median(rates));
  };
  const all = Object.values(results).flat();
  const streaming = names.filter((name) => results[name][0].seen !== undefined);

  const text = `# MCP: tool calls beside other servers

${describeMachine()}. ${new Date().toISOString().slice(0, 10)}, medians of ${rounds} rounds.
Others used ${percent(median(all.map(({ others }) => others)))} of the machine in the median round and ${percent(Math.max(...all.map(({ others }) => others)))} in the worst.
Server on one core, client on the other, \`tools/call\` of an echo, ${connections} connections.

![Calls and notifications per second](mcp.svg)

${table(
  ['server', 'calls/s', 'spread', 'calls per CPU second of the server'],
  names.map((name) => [name, figure(mid(name, 'rate')), spread(name), figure(mid(name, 'perCpuSecond'))]),
)}

## ${notifications} progress notifications in one call

The tool awaits every report. \`chunks\` are the reads in which the notifications arrived.

${table(
  ['server', 'notifications/s', 'first after, ms', 'arrived', 'chunks'],
  streaming.map((name) => [
    name,
    figure(mid(name, 'notifications')),
    figure(mid(name, 'firstMs')),
    figure(mid(name, 'seen')),
    figure(mid(name, 'chunks')),
  ]),
)}

## Goals

Calls are compared per CPU second of the server, because what else runs on the machine distorts that least.

${table(['what', 'target', 'measured', 'met'], goals(mid))}
`;
  save('mcp.md', text, quick);
  save('mcp.svg', chart(names, streaming, mid), quick);
  console.log(text);
}

function goals(mid) {
  const ratio = (ours, theirs) => mid(ours, 'perCpuSecond') / mid(theirs, 'perCpuSecond');
  const eras = [
    { era: 'sessions', ours: 'Opstream, sessions', sdk: 'SDK v2, sessions, SSE' },
    { era: '2026-07-28', ours: 'Opstream, 2026-07-28', sdk: 'SDK v2, 2026-07-28' },
  ];
  return eras.flatMap(({ era, ours, sdk }) => {
    const recorded = `${ours}, recorded`;
    return [
      goal(`${era}, not recorded / SDK v2`, ratio(ours, sdk), '≥', 2, ' ×'),
      goal(`${era}, recorded / SDK v2`, ratio(recorded, sdk), '≥', 1.2, ' ×'),
      goal(`${era}, notifications, recorded`, mid(recorded, 'notifications') / 1000, '≥', 30, ' k/s'),
      goal(`${era}, first notification, recorded`, mid(recorded, 'firstMs'), '≤', 5, ' ms'),
    ];
  });
}

function chart(names, streaming, mid) {
  const bars = (among, field) =>
    among.map((name) => ({
      name: name.startsWith('Opstream') ? 'opstream' : name,
      label: name,
      value: mid(name, field),
      text: figure(mid(name, field)),
    }));
  return barChart('MCP over HTTP', [
    { title: 'tools/call of an echo, calls per second', bars: bars(names, 'rate') },
    { title: 'Progress notifications of one call, per second', bars: bars(streaming, 'notifications') },
  ]);
}
