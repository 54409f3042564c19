// Turns the measurements of bench:mcp into results/mcp.md.
import { describeMachine } from './machine.mjs';
import { median } from './measure.mjs';
import { figure, goal, percent, save, table } from './report.mjs';

export function reportMcp(results, { quick, rounds, connections, notifications }) {
  const mid = (name, field) => median(results[name].map((measured) => measured[field]));
  /** Per CPU second of the server, because what else runs on the machine distorts that least. */
  const ratio = (ours, theirs) => mid(ours, 'perCpuSecond') / mid(theirs, 'perCpuSecond');
  const names = Object.keys(results);
  const all = Object.values(results).flat();
  const streaming = names.filter((name) => results[name][0].seen !== undefined);
  const sdk = { sessions: 'SDK v2, sessions, SSE', modern: 'SDK v2, 2026-07-28' };

  const text = `# MCP: tool calls beside other servers

${describeMachine()}. ${new Date().toISOString().slice(0, 10)}, medians of ${rounds} rounds.
Others used ${percent(median(all.map(({ others }) => others)))} of the machine in the median round and ${percent(Math.max(...all.map(({ others }) => others)))} in the worst.
Server on one core, client on the other, \`tools/call\` of an echo, ${connections} connections.

${table(
  ['server', 'calls/s', 'calls per CPU second of the server'],
  names.map((name) => [name, figure(mid(name, 'rate')), figure(mid(name, 'perCpuSecond'))]),
)}

## ${notifications} progress notifications in one call

${table(
  ['server', 'notifications/s', 'first after, ms', 'arrived', 'in chunks'],
  streaming.map((name) => [
    name,
    figure(mid(name, 'notifications')),
    figure(mid(name, 'firstMs')),
    figure(mid(name, 'seen')),
    figure(mid(name, 'chunks')),
  ]),
)}

## Goals

${table(
  ['what', 'target', 'measured', 'met'],
  [
    goal('sessions, not recorded / SDK v2', ratio('Opstream, sessions', sdk.sessions), '≥', 2, ' ×'),
    goal('sessions, recorded / SDK v2', ratio('Opstream, sessions, recorded', sdk.sessions), '≥', 1.2, ' ×'),
    goal('2026-07-28, not recorded / SDK v2', ratio('Opstream, 2026-07-28', sdk.modern), '≥', 2, ' ×'),
    goal(
      '2026-07-28, recorded / SDK v2',
      ratio('Opstream, 2026-07-28, recorded', sdk.modern),
      '≥',
      1.2,
      ' ×',
    ),
    goal('notifications', mid('Opstream, sessions', 'notifications') / 1000, '≥', 30, ' k/s'),
    goal('first notification', mid('Opstream, sessions', 'firstMs'), '≤', 5, ' ms'),
  ],
)}
`;
  save('mcp.md', text, quick);
  console.log(text);
}
