import { expect } from 'vitest';
import { JsonSocket } from '../harness/json-socket.js';
import { McpClient, type Json } from '../harness/mcp-client.js';

/** Members of the session tools' answers that tests look into. */
export type ToolAnswer = Json & {
  readonly success: boolean;
  readonly code?: string;
  readonly token: string;
  readonly session_id: string;
  readonly message_id: number;
  readonly messages: readonly (Json & { readonly id: number; readonly content: string })[];
  readonly results: readonly {
    readonly score: number;
    readonly message: Json & { readonly content: string };
  }[];
  readonly entries: readonly Json[];
};

/** An agent that uses the session tools over MCP. */
export class SessionAgent {
  private constructor(
    readonly mcp: McpClient,
    private readonly token: string | undefined,
  ) {}

  /** @param query e.g. `?token=…` */
  static async connect(ws: string, query = ''): Promise<SessionAgent> {
    const mcp = await McpClient.connect(`${ws}/mcp${query}`);
    await mcp.initialize();
    return new SessionAgent(mcp, undefined);
  }

  /** The same connection, acting as an agent of this name. */
  async as(agentId: string, agentType = 'claude', permissions = ['read', 'write']): Promise<SessionAgent> {
    const { token } = await this.call('authenticate_agent', {
      agent_id: agentId,
      agent_type: agentType,
      requested_permissions: permissions,
    });
    return new SessionAgent(this.mcp, token);
  }

  get authToken(): string {
    return this.token!;
  }

  async call(name: string, args: Json = {}): Promise<ToolAnswer> {
    const own = this.token === undefined ? {} : { auth_token: this.token };
    const { structuredContent, isError, content } = await this.mcp.call(name, { ...own, ...args });
    if (isError) throw new Error(content[0]!.text);
    return structuredContent as unknown as ToolAnswer;
  }

  async newSession(purpose = 'work'): Promise<string> {
    return (await this.call('create_session', { purpose })).session_id;
  }

  async say(sessionId: string, content: string, more: Json = {}): Promise<ToolAnswer> {
    const answer = await this.call('add_message', { session_id: sessionId, content, ...more });
    expect(answer).toMatchObject({ success: true });
    return answer;
  }
}

/** A viewer's socket; what it is told beside messages is left out on demand. */
export class Viewer {
  private constructor(readonly socket: JsonSocket) {}

  static async open(url: string): Promise<Viewer> {
    const viewer = new Viewer(await JsonSocket.connect(url));
    // Once this is answered, everything that happens is told.
    expect(await viewer.socket.ask({ type: 'ping' })).toEqual({ type: 'pong' });
    return viewer;
  }

  /** One that is told what was said before, first. */
  static async replaying(url: string): Promise<Viewer> {
    return new Viewer(await JsonSocket.connect(url));
  }

  /** The contents of so many messages. */
  async contents(count: number): Promise<string[]> {
    const frames = await this.socket.take(2 * count);
    return frames
      .filter(({ type }) => type === 'new_message')
      .map(({ data }) => (data as { content: string }).content);
  }

  /** Everything that arrived until a ping that is sent now is answered. */
  async everything(): Promise<Record<string, unknown>[]> {
    this.socket.send({ type: 'ping' });
    await expect
      .poll(() => this.socket.inbox.some(({ type }) => type === 'pong'), { timeout: 10_000 })
      .toBe(true);
    const frames = await this.socket.take(this.socket.inbox.length);
    return frames.filter(({ type }) => type !== 'pong');
  }
}
