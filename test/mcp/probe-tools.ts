import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { z } from 'zod';
import { McpModule } from '../../src/mcp/mcp.module.js';
import { RpcError } from '../../src/mcp/protocol/rpc-error.js';
import type { ToolContext } from '../../src/mcp/tools/tool-context.js';
import { Tool } from '../../src/mcp/tools/tool.decorator.js';
import { UserError } from '../../src/mcp/tools/user-error.js';

const text = (content: string) => ({ type: 'text', text: content }) as const;

/** Tools that show their context, wait for the test, and misbehave. */
@Injectable()
export class ProbeTools {
  /** What the last call of a tool saw. */
  context: ToolContext | undefined;
  /** Lets `gate` go on. */
  open: () => void = () => {};
  /** True while a call of `gate` waits. */
  waiting = false;
  aborted: unknown;

  @Tool({
    scope: null,
    name: 'echo',
    description: 'Returns its text',
    parameters: z.object({ text: z.string() }),
  })
  echo(args: { text: string }, context: ToolContext): string {
    this.context = context;
    return args.text;
  }

  @Tool({
    scope: null,
    name: 'unrecorded',
    description: 'Leaves no trace',
    parameters: z.object({ text: z.string() }),
    record: false,
  })
  async unrecorded(args: { text: string }, { streamContent }: ToolContext): Promise<string> {
    await streamContent(text('partial'));
    return args.text;
  }

  @Tool({
    scope: null,
    name: 'sum',
    description: 'Adds',
    parameters: z.object({ a: z.number(), b: z.number() }),
    output: z.object({ sum: z.number() }),
  })
  sum({ a, b }: { a: number; b: number }): object {
    return { sum: a === 13 ? 'unlucky' : a + b };
  }

  /** Streams, then waits until the test opens the gate or the call is cancelled. */
  @Tool({
    scope: null,
    name: 'gate',
    description: 'Streams a word, then waits',
    annotations: { streamingHint: true },
  })
  async gate(_args: object, { streamContent, reportProgress, log, signal }: ToolContext): Promise<string> {
    // Before the first word leaves: whoever reads it may open the gate at once.
    const opened = new Promise<void>((resolve) => (this.open = resolve));
    log.info('waiting', { at: 'gate' });
    await reportProgress({ progress: 1, total: 4, message: 'at the gate' });
    await streamContent(text('first'));
    await new Promise<void>((resolve, reject) => {
      void opened.then(resolve);
      this.waiting = true;
      const abort = (): void => {
        this.aborted = signal.reason;
        reject(signal.reason as Error);
      };
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort);
    });
    this.waiting = false;
    await streamContent([text('second'), text(' and third')]);
    return 'passed';
  }

  @Tool({ scope: null, name: 'streams_only', description: 'Streams and returns nothing' })
  async streamsOnly(_args: object, { streamContent }: ToolContext): Promise<void> {
    for (const word of ['a', 'b', 'c']) await streamContent(text(word));
  }

  @Tool({ scope: null, name: 'logs', description: 'Logs at every level' })
  logs(_args: object, { log }: ToolContext): string {
    log.debug('Debug message', { data: 'value' });
    log.info('Info message');
    log.warn('Warn message');
    log.error('Error message', new Error('inside'));
    return 'logged';
  }

  /** What no type checker would let pass, of a tool that waits for nothing. */
  @Tool({ scope: null, name: 'careless', description: 'Reports garbage and does not wait' })
  careless(_args: object, context: ToolContext): string {
    const unchecked = context as unknown as Record<
      'streamContent' | 'reportProgress',
      (value: unknown) => void
    >;
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    for (const garbage of [undefined, 5, { type: 'text', text: 1n }, [circular]]) {
      unchecked.streamContent(garbage);
    }
    for (const garbage of [{ progress: 1, total: 2n }, { progress: 2, message: {} }, { progress: 'x' }]) {
      unchecked.reportProgress(garbage);
    }
    for (const garbage of [undefined, 5, circular, 7n, Symbol('x')])
      (context.log.info as (message: unknown, data: unknown) => void)(garbage, garbage);
    void context.requestInput({ key: { method: 'roots/list' } });
    return 'careless';
  }

  @Tool({ scope: null, name: 'user_error', description: 'Fails for the user' })
  userError(): never {
    throw new UserError('Failed to fetch data: no network');
  }

  @Tool({ scope: null, name: 'crash', description: 'Throws something private' })
  crash(): never {
    throw new Error('secret detail');
  }

  @Tool({ scope: null, name: 'hang', description: 'Never ends', timeoutMs: 100 })
  hang(): Promise<string> {
    return new Promise(() => {});
  }

  @Tool({
    scope: null,
    name: 'garbage',
    description: 'Returns what is no content',
    parameters: z.object({ kind: z.string() }),
  })
  garbage({ kind }: { kind: string }): object {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    if (kind === 'circular') return circular;
    if (kind === 'function') return () => 1;
    if (kind === 'bigint') return { n: 10n };
    if (kind === 'structured bigint') return { content: [], structuredContent: { n: 10n } };
    if (kind === 'circular meta') return { content: [], _meta: circular };
    if (kind === 'circular block') return { content: [{ ...text('x'), annotations: circular }] };
    return { content: [{ type: 'no such type' }] };
  }

  /** Its result is good JSON, but nested too deep for the log. */
  @Tool({ scope: null, name: 'deep', description: 'Returns a hundred levels' })
  deep(): object {
    let value: object = {};
    for (let level = 0; level < 100; level++) value = { value };
    return { content: [], structuredContent: value };
  }

  @Tool({
    scope: null,
    name: 'protocol_garbage',
    description: 'Throws a protocol error whose data is no JSON',
  })
  protocolGarbage(): never {
    throw new RpcError(-32001, 'broken', { n: 10n });
  }

  @Tool({ scope: null, name: 'late', description: 'Goes on after its end' })
  late(_args: object, context: ToolContext): string {
    void delay(20).then(async () => {
      await context.streamContent(text('too late'));
      context.log.info('too late');
      await context.reportProgress({ progress: 1 });
    });
    return 'over';
  }

  @Tool({
    scope: null,
    name: 'flood',
    description: 'Many notifications',
    parameters: z.object({ count: z.number(), size: z.number().default(0) }),
  })
  async flood(
    { count, size }: { count: number; size: number },
    { reportProgress }: ToolContext,
  ): Promise<string> {
    const message = 'x'.repeat(size);
    for (let n = 1; n <= count; n++) await reportProgress({ progress: n, total: count, message });
    return 'flooded';
  }
}

@Module({ imports: [McpModule], providers: [ProbeTools], exports: [ProbeTools] })
export class ProbeToolsModule {}
