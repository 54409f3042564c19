// Ends calls in every way that a client has, and stays connected.
const [library, url] = process.argv.slice(2);
const isV1 = library === 'sdk-v1';
const { Client, StreamableHTTPClientTransport } = isV1
  ? {
      ...(await import('@modelcontextprotocol/sdk/client/index.js')),
      ...(await import('@modelcontextprotocol/sdk/client/streamableHttp.js')),
    }
  : await import('@modelcontextprotocol/client');

const client = new Client({ name: 'ends', version: '1' });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const call = (name, args, options) =>
  client.callTool({ name, arguments: args }, ...(isV1 ? [undefined, options] : [options])).then(
    () => 'answered',
    () => 'ended',
  );
const onprogress = () => {};

for (let times = 0; times < 2; times++) {
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 300);
  await call('processData', { datasetSize: 3000 }, { signal: abort.signal, onprogress });
  await call('processData', { datasetSize: 3000 }, { timeout: 300, onprogress });
  await call('processData', { datasetSize: 3000 }, { timeout: 300 });
  await call('processData', { datasetSize: 3 }, { onprogress });
  await call('no_such_tool', {}, { onprogress });
  await call('processData', { datasetSize: 'x' }, { onprogress });
}
console.log(JSON.stringify({ done: true }));
await new Promise((resolve) => setTimeout(resolve, 60_000));
