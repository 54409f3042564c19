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
};

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
    cancel: async (name, args) => {
      const abort = new AbortController();
      const called = client.callTool({ name, arguments: args }, ...withOptions({ signal: abort.signal }));
      setTimeout(() => abort.abort(), 400);
      return called.then(
        () => 'ended',
        () => 'cancelled',
      );
    },
    read: async (uri) => (await client.readResource({ uri })).contents[0].text,
    close: () => client.close(),
  };
}

/** The text of a tool's result, in whichever form a library gives it. */
function textOf(result) {
  if (typeof result === 'string') return result;
  const content = Array.isArray(result) ? result : (result?.content ?? []);
  return content.length > 0 ? content.map((block) => block.text ?? '').join('') : JSON.stringify(result);
}

const [library, url, mode] = process.argv.slice(2);
const connect = () => LIBRARIES[library](url, mode);

let client = await connect();
const listed = await client.list();
const item = await client.call('get_item', { item_id: 7 });
const progress = client.progress && (await client.progress('processData', { datasetSize: 12 }));
const created = await client.call('create_operation', {
  operation_type: 'real',
  operation_id: `real-${process.pid}`,
});
const read = client.read && (await client.read(`operation://real-${process.pid}`));
const cancelled = client.cancel && (await client.cancel('processData', { datasetSize: 5000 }));
say({ listed, item, progress, created, read, cancelled });
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
