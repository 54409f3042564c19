// Agents that call session tools over MCP and Streamable HTTP, in sessions, and a viewer that notes when what they say
// arrives. It speaks to shared-context-server as well: its answers come as event streams.
import { Agent, request } from 'node:http';
import { WebSocket } from 'ws';
import { answerLines } from '../harness/answer-lines.mjs';
import { sentence, uniqueWord } from '../harness/sentences.mjs';

const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const now = () => performance.timeOrigin + performance.now();
let ids = 0;

class Caller {
  static async connect(port, apiKey) {
    const caller = new Caller(Number(port), apiKey);
    const params = {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'bench', version: '1' },
    };
    const { headers } = await caller.post({ jsonrpc: '2.0', id: 'init', method: 'initialize', params });
    caller.headers['mcp-session-id'] = headers['mcp-session-id'];
    caller.headers['mcp-protocol-version'] = '2025-06-18';
    await caller.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return caller;
  }

  constructor(port, apiKey) {
    this.port = port;
    this.agent = new Agent({ keepAlive: true, maxSockets: 1 });
    this.headers = { ...HEADERS, ...(apiKey && { 'x-api-key': apiKey }) };
  }

  async call(name, args) {
    const id = ++ids;
    const params = { name, arguments: { ...args, ...(this.token && { auth_token: this.token }) } };
    const { answer } = await this.post({ jsonrpc: '2.0', id, method: 'tools/call', params });
    const message = answer.startsWith('{') ? JSON.parse(answer) : lastEvent(answer, id);
    const { structuredContent } = message.result ?? {};
    if (message.id !== id || structuredContent === undefined) throw new Error(answer.slice(0, 300));
    return structuredContent;
  }

  /** The same, and it succeeds. */
  async done(name, args) {
    const answer = await this.call(name, args);
    if (answer.success !== true) throw new Error(JSON.stringify(answer).slice(0, 300));
    return answer;
  }

  async authenticate(agentId) {
    const { token } = await this.done('authenticate_agent', { agent_id: agentId, agent_type: 'claude' });
    this.token = token;
  }

  post(body) {
    return new Promise((resolve, reject) => {
      const text = JSON.stringify(body);
      const sent = request(
        {
          agent: this.agent,
          host: '127.0.0.1',
          port: this.port,
          method: 'POST',
          path: '/mcp',
          headers: { ...this.headers, 'content-length': Buffer.byteLength(text) },
        },
        (response) => {
          let answer = '';
          response.setEncoding('utf8');
          response.on('data', (chunk) => (answer += chunk));
          response.on('end', () => resolve({ headers: response.headers, answer }));
        },
      );
      sent.on('error', reject);
      sent.end(text);
    });
  }
}

function lastEvent(answer, id) {
  const messages = [...answer.matchAll(/^data: ?(.*)$/gm)].map(([, data]) => JSON.parse(data));
  return messages.find((message) => message.id === id) ?? {};
}

async function callers(count, port, apiKey) {
  const all = await Promise.all(Array.from({ length: Number(count) }, () => Caller.connect(port, apiKey)));
  if (apiKey) await Promise.all(all.map((caller, n) => caller.authenticate(`agent${n}`)));
  return all;
}

/**
 * Agents add messages to one session, each its next when the last was acknowledged, while a viewer follows.
 * @returns how many, how long each took, and when it was on the viewer's socket, since it was sent and since stored
 */
async function add(port, viewerPort, agents, seconds, apiKey) {
  const all = await callers(agents, port, apiKey);
  const { session_id: session } = await all[0].done('create_session', { purpose: 'bench' });
  const sent = new Map();
  const arrived = [];
  const stored = [];
  const viewer = new WebSocket(`ws://127.0.0.1:${viewerPort}/ws/${session}`);
  await new Promise((resolve, reject) => viewer.once('open', resolve).once('error', reject));
  const order = [];
  viewer.on('message', (/** @type {Buffer} */ frame) => {
    const { type, data } = JSON.parse(frame.toString());
    if (type !== 'new_message') return;
    const at = now();
    order.push(data.content);
    arrived.push(at - sent.get(data.content));
    stored.push(at - Date.parse(data.timestamp));
  });
  const answers = [];
  let refused = 0;
  const begin = performance.now();
  const end = begin + Number(seconds) * 1000;
  await Promise.all(
    all.map(async (caller, index) => {
      for (let n = 0; performance.now() < end; n++) {
        const content = `${index}/${n} ${sentence(n)}`;
        const at = now();
        sent.set(content, at);
        const { success } = await caller.call('add_message', { session_id: session, content });
        if (success === true) answers.push(now() - at);
        else refused += 1;
      }
    }),
  );
  const elapsed = (performance.now() - begin) / 1000;
  const patience = performance.now() + 10_000;
  while (new Set(order).size < answers.length && performance.now() < patience)
    await new Promise((resolve) => setTimeout(resolve, 20));
  viewer.terminate();
  return {
    count: answers.length,
    refused,
    elapsed,
    arrivals: order.length,
    distinct: new Set(order).size,
    answer: spread(answers),
    arrived: spread(arrived),
    stored: spread(stored),
  };
}

/** Times of single calls in sessions chosen evenly. */
async function times(port, sessions, perSession, rounds, apiKey) {
  const [caller] = await callers(1, port, apiKey);
  const of = { search: [], misspelt: [], newest: [], page: [], lastPage: [], sender: [], add: [] };
  const timed = async (name, work) => {
    const at = performance.now();
    const answer = await work();
    of[name].push(performance.now() - at);
    return answer;
  };
  for (let round = 0; round < Number(rounds); round++) {
    const number = (round * 7919) % Number(sessions);
    const session_id = `s${number}`;
    const word = uniqueWord(number * 7919 + ((round * 31) % perSession));
    const { results } = await timed('search', () =>
      caller.done('search_context', { session_id, query: word }),
    );
    if (!results[0]?.message.content.includes(word))
      throw new Error(`${word} was not found in ${session_id}`);
    await timed('misspelt', () =>
      caller.done('search_context', { session_id, query: 'databse conections expird' }),
    );
    await timed('newest', () => caller.done('get_session', { session_id }));
    await timed('page', () => caller.done('get_messages', { session_id, limit: 50 }));
    await timed('lastPage', () =>
      caller.done('get_messages', { session_id, limit: 50, offset: perSession - 50 }),
    );
    await timed('sender', () => caller.done('search_by_sender', { session_id, sender: 'anonymous' }));
    await timed('add', () => caller.done('add_message', { session_id, content: sentence(1e6 + round) }));
  }
  return Object.fromEntries(Object.entries(of).map(([name, values]) => [name, spread(values)]));
}

/** Searches in one large session, `s0`. */
async function search(port, session_id, rounds, count, apiKey) {
  const [caller] = await callers(1, port, apiKey);
  const values = [];
  let oldest = false;
  for (let round = 0; round < Number(rounds); round++) {
    const n = round === 0 ? 0 : (round * 7919) % Number(count);
    const at = performance.now();
    const { results } = await caller.done('search_context', {
      session_id,
      query: round % 2 === 0 ? uniqueWord(n) : 'databse conections expird',
    });
    values.push(performance.now() - at);
    if (round === 0) oldest = results.some(({ message }) => message.content.includes(uniqueWord(0)));
  }
  return { ...spread(values), oldest };
}

async function session(port, apiKey) {
  const [caller] = await callers(1, port, apiKey);
  return caller.done('create_session', { purpose: 'bench' });
}

function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) };
}

await answerLines({ add, times, search, session });
