// The reference server of Durable Streams. Arguments: a folder for its files; without one it keeps everything in memory.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../peers/package.json', import.meta.url));
const { DurableStreamTestServer } = await import(
  pathToFileURL(require.resolve('@durable-streams/server')).href
);
const [dataDir] = process.argv.slice(2);
const server = new DurableStreamTestServer({
  port: 0,
  host: '127.0.0.1',
  compression: false,
  ...(dataDir && { dataDir }),
});
const url = await server.start();
console.log(`ready on ${url}`);
