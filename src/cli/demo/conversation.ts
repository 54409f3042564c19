import { RestClient, SharedSession } from '../../client/index.js';
import type { BuildOutcome } from './build.js';
import type { CrawlOutcome } from './crawl.js';
import type { DemoContext } from './demo-work.js';

/** Outcomes of the other work, as they come. */
export interface Outcomes {
  readonly build: Promise<BuildOutcome | Error | undefined>;
  readonly import: Promise<{ rows: number } | Error | undefined>;
  readonly crawl: Promise<CrawlOutcome | Error | undefined>;
}

const MCP_VERSION = '2026-07-28';

interface ToolAnswer {
  readonly result?: { readonly structuredContent?: { readonly token?: string } };
  readonly error?: { readonly message: string };
}

interface SignedIn {
  readonly say: (content: string) => Promise<unknown>;
}

/** Two agents that tell each other what has come of the work. What they say is true. */
export async function converse(context: DemoContext, outcomes: Outcomes): Promise<void> {
  const { rest } = context;
  const { session_id: id } = await SharedSession.create(rest, 'Demonstration: how is the work going?');
  context.say(`session  ${id}`);
  const [builder, reviewer] = [await signIn(context, id, 'builder'), await signIn(context, id, 'reviewer')];
  await builder.say(
    'I have started a build, an import and a crawl. You can watch all three on the first page.',
  );
  await reviewer.say('Tell me what comes of them.');
  const told = [
    outcomes.build.then((outcome) => {
      if (outcome && !(outcome instanceof Error))
        return builder.say(
          `The build is done: ${outcome.files} files, ${outcome.bytes} bytes, ${outcome.packed} packed.`,
        );
      return undefined;
    }),
    outcomes.import.then(async (outcome) => {
      if (!(outcome instanceof Error)) return;
      await builder.say(`The import has failed. ${outcome.message}.`);
      await reviewer.say('Then the file has to be mended. Filter its log by errors to find the row.');
    }),
    outcomes.crawl.then((outcome) => {
      if (outcome && !(outcome instanceof Error))
        return reviewer.say(`The crawl made ${outcome.requests} requests; ${outcome.failures} were refused.`);
      return undefined;
    }),
  ];
  await Promise.all(told);
}

/** Signs an agent in as agents do: by a tool call over MCP, whose token says who speaks. */
async function signIn({ rest }: DemoContext, sessionId: string, name: string): Promise<SignedIn> {
  const method = 'tools/call';
  const params = {
    name: 'authenticate_agent',
    arguments: { agent_id: name, agent_type: 'claude', requested_permissions: ['read', 'write'] },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': MCP_VERSION,
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  };
  const response = await rest.open('POST', 'mcp', {
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': MCP_VERSION,
      'mcp-method': method,
      'mcp-name': params.name,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const answer = (await response.json()) as ToolAnswer;
  const token = answer.result?.structuredContent?.token;
  if (token === undefined) throw new Error(answer.error?.message ?? `${name} got no token`);
  const session = new SharedSession(new RestClient({ url: rest.address.http('').href, token }), sessionId);
  return { say: (content) => session.send(content) };
}
