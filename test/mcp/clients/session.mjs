// Talks to the service through one client library, as `steps` says, and writes what came of each step.
import { createInterface } from 'node:readline';

const told = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

/** Each library behind the same few verbs. `progress` is undefined where the library has none. */
const LIBRARIES = {
  async 'sdk-v1'(url, mode) {
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const client = new Client({ name: 'v1', version: '1' });
    await client.connect(await v1Transport(url, mode));
    return sdk(client, (options) => [undefined, options]);
  },
  async 'sdk-v2'(url, mode) {
    const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
    const options = mode === 'auto' ? { versionNegotiation: { mode: 'auto' } } : undefined;
    const client = new Client({ name: 'v2', version: '1' }, options);
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    return sdk(client, (more) => [more]);
  },
  async 'ai-sdk'(url) {
    const { createMCPClient } = await import('@ai-sdk/mcp');
    const client = await createMCPClient({ transport: { type: 'http', url } });
    const tools = async () => await client.tools();
    return {
      list: async () => Object.keys(await tools()),
      call: async (name, args) => {
        const tool = (await tools())[name];
        return textOf(await tool.execute(args, { messages: [], toolCallId: '1' }));
      },
      read: async (uri) => (await client.readResource({ uri })).contents[0].text,
      close: () => client.close(),
    };
  },
  async mastra(url) {
    const { MCPClient } = await import('@mastra/mcp');
    const client = new MCPClient({ id: String(Math.random()), servers: { o: { url: new URL(url) } } });
    return {
      list: async () => Object.keys(await client.listTools()).map((name) => name.replace(/^o_/, '')),
      call: async (name, args) => textOf(await (await client.listTools())[`o_${name}`].execute(args, {})),
      read: async (uri) => (await client.resources.read('o', uri)).contents[0].text,
      close: () => client.disconnect(),
    };
  },
  async langchain(url) {
    const { MultiServerMCPClient } = await import('@langchain/mcp-adapters');
    const client = new MultiServerMCPClient({ mcpServers: { o: { transport: 'http', url } } });
    const tools = async () => await client.getTools();
    return {
      list: async () => (await tools()).map(({ name }) => name),
      call: async (name, args) => {
        const tool = (await tools()).find((one) => one.name === name);
        return textOf(await tool.invoke(args));
      },
      close: () => client.close(),
    };
  },
  async 'openai-agents'(url) {
    const { MCPServerStreamableHttp } = await import('@openai/agents');
    const requestInit = inQuery(url) ? {} : { headers: HEADERS };
    const server = new MCPServerStreamableHttp({ url, name: 'o', requestInit, errorFunction: null });
    await server.connect();
    return {
      list: async () => (await server.listTools()).map(({ name }) => name),
      call: async (name, args) => textOf(await server.callToolResult(name, args)),
      cancel: (name, args) => cancelling((signal) => server.callToolResult(name, args, null, { signal })),
      read: async (uri) => (await server.readResource(uri)).contents[0].text,
      close: () => server.close(),
    };
  },
  async 'mcp-use'(url) {
    const { MCPClient } = await import('mcp-use/client');
    const headers = inQuery(url) ? {} : HEADERS;
    const client = new MCPClient({ mcpServers: { o: { url, headers } } });
    const session = await client.createSession('o');
    return {
      list: async () => (await session.listTools()).map(({ name }) => name),
      call: async (name, args) => textOf(await session.callTool(name, args)),
      progress: async (name, args) => {
        const seen = [];
        await session.callTool(name, args, { onprogress: ({ progress }) => seen.push(progress) });
        return seen;
      },
      cancel: (name, args) => cancelling((signal) => session.callTool(name, args, { signal })),
      read: async (uri) => (await session.readResource(uri)).contents[0].text,
      subscribe: async (uri, updated) => {
        session.on('notification', ({ method }) => {
          if (method === 'notifications/resources/updated') updated();
        });
        await session.subscribeToResource(uri);
      },
      close: () => client.closeAllSessions(),
    };
  },
};

/** What `@openai/agents` and mcp-use are told of the token, which others get in the address. */
const HEADERS = process.env.CLIENT_TOKEN
  ? { authorization: `Bearer ${process.env.CLIENT_TOKEN}` }
  : undefined;
const inQuery = (url) => url.includes('token=');

async function v1Transport(url, mode) {
  if (mode === 'ws') {
    const { WebSocketClientTransport } = await import('@modelcontextprotocol/sdk/client/websocket.js');
    return new WebSocketClientTransport(new URL(url));
  }
  if (mode === 'sse') {
    const { SSEClientTransport } = await import('@modelcontextprotocol/sdk/client/sse.js');
    return new SSEClientTransport(new URL(url));
  }
  if (mode === 'stdio') {
    const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
    const [command, ...args] = JSON.parse(url);
    return new StdioClientTransport({ command, args, stderr: 'ignore' });
  }
  const { StreamableHTTPClientTransport } =
    await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
  return new StreamableHTTPClientTransport(new URL(url));
}

function sdk(client, withOptions) {
  return {
    list: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args) => textOf(await client.callTool({ name, arguments: args })),
    progress: async (name, args) => {
      const seen = [];
      const onprogress = ({ progress }) => seen.push(progress);
      await client.callTool({ name, arguments: args }, ...withOptions({ onprogress }));
      return seen;
    },
    cancel: (name, args) =>
      cancelling((signal) => client.callTool({ name, arguments: args }, ...withOptions({ signal }))),
    read: async (uri) => (await client.readResource({ uri })).contents[0].text,
    subscribe: async (uri, updated) => {
      client.fallbackNotificationHandler = async ({ method }) => {
        if (method === 'notifications/resources/updated') updated();
      };
      await client.subscribeResource({ uri });
    },
    close: () => client.close(),
  };
}

async function cancelling(call) {
  const abort = new AbortController();
  const called = call(abort.signal);
  setTimeout(() => abort.abort(), 400);
  return called.then(
    () => 'ended',
    () => 'cancelled',
  );
}

/** The text of a tool's result, in whichever form a library gives it. */
function textOf(result) {
  if (typeof result === 'string') return result;
  if (result?.isError) throw new Error(result.content?.[0]?.text);
  const content = Array.isArray(result) ? result : (result?.content ?? []);
  return content.length > 0 ? content.map((block) => block.text ?? '').join('') : JSON.stringify(result);
}

/** Whether a client that subscribes is told of a change. */
async function isTold(client, name) {
  let tell;
  const told = new Promise((resolve) => (tell = () => resolve(true)));
  await client.subscribe(`operation://${name}`, tell);
  await client.call('cancel_operation', { operation_id: name });
  return Promise.race([told, new Promise((resolve) => setTimeout(() => resolve(false), 10_000))]);
}

/** Calls every tool that the test names; what is not "ok" is the error. */
async function callAll(client, name) {
  const called = {};
  for (const [tool, args] of JSON.parse(TOOLS.replaceAll('$ID', name))) {
    called[tool] = await client.call(tool, args).then(
      () => 'ok',
      ({ message }) => message,
    );
  }
  return called;
}

const [library, url, mode] = process.argv.slice(2);
const { CLIENT_TOOLS: TOOLS, CLIENT_QUERY_URL, CLIENT_SIZE = '5000' } = process.env;
const connect = (address = url) => LIBRARIES[library](address, mode);

let client = await connect();
const listed = await client.list();
const item = await client.call('get_item', { item_id: 7 });
const progress = client.progress && (await client.progress('processData', { datasetSize: 12 }));
const name = `real-${process.pid}`;
const created = await client.call('create_operation', { operation_type: 'real', operation_id: name });
const read = client.read && (await client.read(`operation://${name}`));
const updated = TOOLS && client.subscribe && (await isTold(client, name));
const cancelled = client.cancel && (await client.cancel('processData', { datasetSize: Number(CLIENT_SIZE) }));
const called = TOOLS && {
  header: await callAll(client, `${name}-header`),
  query: await callAll(await connect(CLIENT_QUERY_URL), `${name}-query`),
};
say({ listed, item, progress, created, read, updated, cancelled, called });
await told.next();
// The service has been restarted meanwhile.
let same = true;
let again;
try {
  again = await Promise.race([
    client.call('get_item', { item_id: 8 }),
    new Promise((_resolve, reject) => setTimeout(() => reject(new Error('no answer')), 10_000)),
  ]);
} catch {
  same = false;
  client = await connect();
  again = await client.call('get_item', { item_id: 8 });
}
say({ same, again });
await Promise.race([client.close(), new Promise((resolve) => setTimeout(resolve, 2000))]);
process.exit(0);
