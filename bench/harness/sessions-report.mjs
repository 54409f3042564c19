// Turns the measurements of bench:sessions into results/sessions.md.
import { describeMachine } from './machine.mjs';
import { median } from './measure.mjs';
import { figure, goal, percent, save, table } from './report.mjs';

const mid = (measured, value) => median(measured.map(value));
const ms = (value) => figure(value);

export function reportSessions(results, { quick, rounds, agents, sockets }) {
  const { added, bridge, search, sizes, broadcast, stalled, peer } = results;
  const all = [...Object.values(added).flat(), ...bridge, ...broadcast.session, ...broadcast.hub];
  const others = all.map((measured) => measured.others);
  const text = `# Sessions: adding, bridge, search, broadcast

${describeMachine()}. ${new Date().toISOString().slice(0, 10)}, medians of ${rounds} rounds.
Others used ${percent(median(others))} of the machine in the median measurement and ${percent(Math.max(...others))} in the worst: compare
what was measured in turn, and per CPU second.

## ${agents} agents add messages at once

Each agent calls \`add_message\` over MCP and Streamable HTTP, its next call when the last is acknowledged, all in one
session that a viewer follows. Every message arrived once.

${table(
  [
    'server',
    'messages/s',
    'per CPU second',
    'answer p50, ms',
    'p99',
    'on the socket p50, ms',
    'p99',
    'refused',
  ],
  Object.entries(added).map(([name, measured]) => [
    name,
    figure(mid(measured, ({ rate }) => rate)),
    figure(mid(measured, ({ perCpuSecond }) => perCpuSecond)),
    ms(mid(measured, ({ answer }) => answer.p50)),
    ms(mid(measured, ({ answer }) => answer.p99)),
    ms(mid(measured, ({ arrived }) => arrived.p50)),
    ms(mid(measured, ({ arrived }) => arrived.p99)),
    figure(mid(measured, ({ refused }) => refused)),
  ]),
)}
${peer === undefined ? '' : `\n${peer}\n`}
## The bridge

The MCP side and the sockets are two processes on one core. The latency is from the moment a message is stored at the
one to its arrival on a socket of the other, while ${agents} agents add as fast as they are answered.

${table(
  ['messages/s', 'stored to socket p50, ms', 'p99', 'max'],
  [
    [
      figure(mid(bridge, ({ rate }) => rate)),
      ms(mid(bridge, ({ stored }) => stored.p50)),
      ms(mid(bridge, ({ stored }) => stored.p99)),
      ms(mid(bridge, ({ stored }) => stored.max)),
    ],
  ],
)}

## Search in a session of ${search.count} messages

A word of one message alone and a misspelt sentence, in turn, over MCP.

${table(
  ['server', 'p50, ms', 'p99', 'finds the oldest message'],
  Object.entries(search.of).map(([name, { p50, p99, oldest }]) => [
    name,
    ms(p50),
    ms(p99),
    oldest ? 'yes' : 'no',
  ]),
)}

## As the store grows

Sessions of ${sizes[0].perSession} messages; medians of single calls over MCP, in milliseconds, with nothing else to do.

${table(
  ['messages', 'sessions', 'database, MB', ...Object.keys(sizes[0].of)],
  sizes.map(({ messages, sessions, bytes, of }) => [
    messages.toLocaleString('en'),
    sessions,
    figure(bytes / 2 ** 20),
    ...Object.values(of).map(({ p50 }) => ms(p50)),
  ]),
)}

## A session with ${sockets} sockets

A session's messages and an operation's events of the same text, in turn. A message is two frames, its update and
itself.

${table(
  ['what', 'CPU s per million deliveries', 'bytes of a delivery'],
  Object.entries(broadcast).map(([name, measured]) => [
    name,
    figure(mid(measured, ({ cpuPerMillion }) => cpuPerMillion)),
    figure(mid(measured, ({ bytesPerEvent }) => bytesPerEvent)),
  ]),
)}

${stalled.stalled} of ${stalled.healthy + stalled.stalled} viewers stopped reading until each was owed ${figure(stalled.owed / 2 ** 20)} MB, then read everything. Each held ${figure(stalled.held / 1024)} KB of heap and buffers after a collection; the process's resident memory differed from that of a run
without them by ${figure((stalled.rss / 2 ** 20) * stalled.stalled)} MB, which is mostly chance.

## Goals

${table(['what', 'target', 'measured', 'met'], goals(results, { agents }))}
`;
  save('sessions.md', text, quick);
  console.log(text);
}

function goals({ added, bridge, search, sizes, broadcast, stalled }, { agents }) {
  const [ours, theirs] = [added.Opstream, added['shared-context-server']];
  const rate = (measured) => mid(measured, (each) => each.rate);
  const cost = (each) => each.cpuPerMillion;
  const ratio = median(broadcast.session.map((each, round) => cost(each) / cost(broadcast.hub[round])));
  const first = sizes[0];
  const last = sizes.at(-1);
  const slowest = Math.max(...sizes.flatMap(({ of }) => Object.values(of).map(({ p50 }) => p50)));
  // A logarithm of the store's growth, and half a millisecond for what a shared machine adds to any call.
  const allowed = (p50) => p50 * (1 + Math.log10(last.messages / first.messages)) + 0.5;
  const growing = Object.keys(last.of).filter((name) => last.of[name].p50 > allowed(first.of[name].p50));
  return [
    goal(
      `${agents} agents, messages per second / shared-context-server's 20`,
      rate(ours) / 20,
      '≥',
      50,
      ' ×',
    ),
    ...(theirs
      ? [goal(`${agents} agents / shared-context-server here`, rate(ours) / rate(theirs), '≥', 50, ' ×')]
      : []),
    goal(
      `${agents} agents, answer p99`,
      mid(ours, ({ answer }) => answer.p99),
      '≤',
      50,
      ' ms',
    ),
    goal(
      'bridge, p50',
      mid(bridge, ({ stored }) => stored.p50),
      '≤',
      5,
      ' ms',
    ),
    goal(
      'bridge, p99',
      mid(bridge, ({ stored }) => stored.p99),
      '≤',
      100,
      ' ms',
    ),
    goal('search at 10,000 messages, p50', search.of.Opstream.p50, '≤', 10, ' ms'),
    goal('any call, any size, median', slowest, '≤', 50, ' ms'),
    goal('calls that grow by more than a logarithm', growing.length, '≤', 0),
    goal('delivery of a message / of an event', ratio, '≤', 1.1, ' ×'),
    goal('a stalled viewer', stalled.held / 1024, '≤', 64, ' KB'),
  ];
}
