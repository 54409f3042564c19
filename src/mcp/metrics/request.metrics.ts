import type { ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Era } from '../protocol/versions.js';

/** Seconds; a `tools/list` takes a fraction of a millisecond, a tool may take minutes. */
const BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];

/** Tools with their own label; later ones share `other`, since peers and documents may add any number. */
const MAX_TOOL_LABELS = 200;

/** How a request was answered; `cancelled` was not, because its caller cancelled it. */
export type RequestOutcome = 'result' | 'error' | 'cancelled';

/** How a tool call ended, as the label of its counter. */
export type ToolCallOutcome = 'result' | 'tool_error' | 'protocol_error' | 'input_required' | 'cancelled';

/** Metrics counted as MCP requests are served: requests, tool calls and response streams. */
@Injectable()
export class RequestMetrics {
  private readonly requests: Histogram<'era' | 'method' | 'outcome'>;
  private readonly malformedMessages: Counter;
  private readonly toolCalls: Counter<'tool' | 'outcome'>;
  private readonly streams: Gauge;
  private readonly tools = new Set<string>();

  constructor(registry: Registry) {
    const registers = [registry];
    this.requests = new Histogram({
      name: 'opstream_mcp_request_duration_seconds',
      help: 'MCP requests: time until the answer was given',
      labelNames: ['era', 'method', 'outcome'],
      buckets: BUCKETS,
      registers,
    });
    this.malformedMessages = new Counter({
      name: 'opstream_mcp_malformed_messages_total',
      help: 'What came over MCP and was no JSON-RPC message',
      registers,
    });
    this.toolCalls = new Counter({
      name: 'opstream_mcp_tool_calls_total',
      help: 'Tool calls ended, by tool and outcome',
      labelNames: ['tool', 'outcome'],
      registers,
    });
    this.streams = new Gauge({
      name: 'opstream_mcp_response_streams',
      help: 'Open server-sent response streams of MCP',
      registers,
    });
  }

  /** @param method a method we serve, so that clients cannot invent labels; undefined for any other */
  answered(era: Era, method: string | undefined, outcome: RequestOutcome, seconds: number): void {
    this.requests.observe({ era, method: method ?? 'unknown', outcome }, seconds);
  }

  malformed(): void {
    this.malformedMessages.inc();
  }

  toolCalled(tool: string, outcome: ToolCallOutcome): void {
    this.toolCalls.inc({ tool: this.labelOf(tool), outcome });
  }

  /** Counts one stream until its response closes. */
  streamOpened(response: ServerResponse): void {
    this.streams.inc();
    response.once('close', () => this.streams.dec());
  }

  private labelOf(tool: string): string {
    if (this.tools.has(tool)) return tool;
    if (this.tools.size >= MAX_TOOL_LABELS) return 'other';
    this.tools.add(tool);
    return tool;
  }
}
