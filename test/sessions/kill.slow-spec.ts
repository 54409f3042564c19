import { expect, it } from 'vitest';
import { ServiceProcess } from '../harness/service-process.js';
import { SessionAgent, Viewer } from './session-client.js';

const AGENTS = 20;

it('kill -9 while 20 agents write: every acknowledged message is there once, in order, and repeats add none', async () => {
  const service = await ServiceProcess.start();
  const ws = () => service.url.replace('http', 'ws');
  try {
    const session = await (await SessionAgent.connect(ws())).newSession();
    const acknowledged = new Map<string, number>();
    const begun = new Set<string>();
    const agents = await Promise.all(Array.from({ length: AGENTS }, () => SessionAgent.connect(ws())));
    const writing = agents.map(async (agent, index) => {
      for (let n = 0; ; n++) {
        const key = `${index}/${n}`;
        begun.add(key);
        const answer = await Promise.race([
          agent.say(session, key, { message_key: key }),
          agent.mcp.closed.then(() => undefined),
        ]);
        // The connection is gone, and whether the last message was stored is not known.
        if (!answer) return;
        acknowledged.set(key, answer.message_id);
      }
    });
    await expect.poll(() => acknowledged.size, { timeout: 20_000 }).toBeGreaterThan(400);
    await service.kill();
    await Promise.all(writing);
    await service.restart();

    const agent = await SessionAgent.connect(ws());
    const stored = async () => {
      const { messages } = await agent.call('get_messages', { session_id: session, limit: 1000 });
      const all = [...messages];
      while (all.length % 1000 === 0 && all.length > 0) {
        const more = await agent.call('get_messages', {
          session_id: session,
          limit: 1000,
          offset: all.length,
        });
        if (more.messages.length === 0) break;
        all.push(...more.messages);
      }
      return all;
    };
    const before = await stored();
    const ids = new Map(before.map(({ content, id }) => [content, id]));
    expect(ids.size).toBe(before.length);
    for (const [key, id] of acknowledged) expect(ids.get(key)).toBe(id);
    for (let index = 0; index < AGENTS; index++) {
      const own = before
        .filter(({ content }) => content.startsWith(`${index}/`))
        .map(({ content }) => Number(content.split('/')[1]));
      expect(own).toEqual(Array.from({ length: own.length }, (_, n) => n));
    }
    // Whoever got no answer says it again.
    for (const key of begun) await agent.say(session, key, { message_key: key });
    const after = await stored();
    expect(after.map(({ content }) => content).toSorted()).toEqual([...begun].toSorted());
    const late = await Viewer.replaying(`${ws()}/sessions/${session}?after_seq=0`);
    expect(await late.contents(after.length)).toEqual(after.map(({ content }) => content));
  } finally {
    await service.stop();
  }
});

it('20 agents at once over a bridge: their messages are on the socket each once and in one order (S2-27, S2-29)', async () => {
  const sockets = await ServiceProcess.start();
  const mcp = await ServiceProcess.start({ BRIDGE_URL: sockets.url });
  try {
    const agents = await Promise.all(
      Array.from({ length: AGENTS }, () => SessionAgent.connect(mcp.url.replace('http', 'ws'))),
    );
    const session = await agents[0]!.newSession();
    const viewer = await Viewer.open(`${sockets.url.replace('http', 'ws')}/ws/${session}`);
    const [sent, waited] = [new Map<string, number>(), [] as number[]];
    viewer.socket.socket.on('message', (text: Buffer) => {
      const frame = JSON.parse(text.toString()) as { data?: { content: string } };
      if (frame.data) waited.push(performance.now() - sent.get(frame.data.content)!);
    });
    await Promise.all(
      agents.map(async (agent, index) => {
        for (let n = 0; n < 25; n++) {
          sent.set(`${index}/${n}`, performance.now());
          await agent.say(session, `${index}/${n}`);
        }
      }),
    );
    const received = await viewer.contents(500);
    expect(new Set(received).size).toBe(500);
    const { messages } = await agents[0]!.call('get_messages', { session_id: session, limit: 1000 });
    expect(received).toEqual(messages.map(({ content }) => content));
    const sorted = waited.toSorted((a, b) => a - b);
    console.info(
      `bridge, 20 agents: median ${sorted[250]!.toFixed(1)} ms, p99 ${sorted[494]!.toFixed(1)} ms`,
    );
  } finally {
    await mcp.stop();
    await sockets.stop();
  }
});
