import { signal } from '@preact/signals';
import type { McpClient, Tool, ToolResult, WireMessage } from './mcp-client.js';
import type { Json } from './tool-form.js';

export type CallState =
  | { readonly kind: 'running' }
  | { readonly kind: 'done'; readonly result: ToolResult }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'cancelled' };

/** One line of what a tool says while it runs. */
export interface CallLine {
  readonly level: string;
  readonly text: string;
}

/** What is kept of a call that says much. */
const MAX_LINES = 1000;

/** One call of a tool, as it goes on. */
export class ToolCall {
  readonly state = signal<CallState>({ kind: 'running' });
  readonly progress = signal<{ readonly progress: number; readonly total?: number } | undefined>(undefined);
  readonly lines = signal<readonly CallLine[]>([]);
  readonly wire = signal<readonly WireMessage[]>([]);
  readonly startedAt = Date.now() / 1000;
  readonly #stop = new AbortController();

  constructor(
    private readonly client: McpClient,
    readonly tool: Tool,
    private readonly values: Readonly<Record<string, Json>>,
  ) {}

  cancel(): void {
    if (this.state.value.kind !== 'running') return;
    this.state.value = { kind: 'cancelled' };
    this.#stop.abort();
  }

  /** @param answers to the questions of the result before, with the state that belongs to them */
  async run(answers: Readonly<Record<string, Json>> = {}): Promise<void> {
    this.state.value = { kind: 'running' };
    try {
      const observer = {
        wire: (message: WireMessage) => (this.wire.value = [...this.wire.value, message].slice(-MAX_LINES)),
        log: (level: string, text: string) => this.#say(level, text),
        progress: ({ message, ...progress }: { progress: number; total?: number; message?: string }) => {
          this.progress.value = progress;
          if (message) this.#say('info', message);
        },
      };
      const result = await this.client.callTool(this.tool, this.values, observer, this.#stop.signal, answers);
      if (!this.#stop.signal.aborted) this.state.value = { kind: 'done', result };
    } catch (thrown) {
      if (!this.#stop.signal.aborted)
        this.state.value = { kind: 'failed', message: (thrown as Error).message };
    }
  }

  #say(level: string, text: string): void {
    this.lines.value = [...this.lines.value, { level, text }].slice(-MAX_LINES);
  }
}
