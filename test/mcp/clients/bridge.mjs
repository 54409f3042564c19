// mcp-proxy's way from stdio to a server over HTTP, as its documentation has it. Arguments: the address, and a token.
import { ServerType, startStdioServer } from 'mcp-proxy';

const [url, token] = process.argv.slice(2);
const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
await startStdioServer({
  serverType: ServerType.HTTPStream,
  url,
  transportOptions: { requestInit: { headers } },
});
