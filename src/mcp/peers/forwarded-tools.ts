import { Logger } from '@nestjs/common';
import { isObject, type Params } from '../protocol/json-rpc.js';
import { META } from '../protocol/versions.js';
import type { ToolContext } from '../tools/tool-context.js';
import type { Validated } from '../tools/json-schema.js';
import { defineTool, type ToolDefinition } from '../tools/tool-definition.js';
import type { ToolRegistry } from '../tools/tool-registry.js';
import type { ToolReturn } from '../tools/tool-result.js';
import type { PeerProfile } from './peer-handshake.js';
import { headerParametersOf } from './stateless-headers.js';

/** Which of a peer's tools are forwarded, and to whom; empty lists have no effect. */
export interface OnwardTerms {
  /** Scope that callers need; by default a read or a write scope. */
  readonly scope?: string | undefined;
  readonly tenants: readonly string[];
  readonly includeTools: readonly string[];
  readonly excludeTools: readonly string[];
}

/** A tool of a peer, by the peer's own name. */
export interface RemoteTool {
  readonly name: string;
  /** It can only be called as a task. */
  readonly asTask: boolean;
}

export type OnwardCall = (tool: RemoteTool, args: Params, context: ToolContext) => Promise<ToolReturn>;

/** Characters of one listed tool: every client reads all of them. */
const MAX_TOOL_CHARACTERS = 256 * 1024;
/** Maximum hops of a forwarded tool. */
const MAX_HOPS = 8;
/** Maximum log lines per listing. */
const MAX_LINES = 100;

/**
 * The tools of one peer as our own, named `<peer>_<tool>`. Each names the instances it has passed through, so that a
 * tool that comes back to this one is refused.
 */
export class ForwardedTools {
  private static readonly logger = new Logger('McpPeers');
  /** By our name: the tool as listed by the peer, to tell a change from a repetition. */
  private offered = new Map<string, string>();
  private skipped = new Set<string>();

  /** @param isOthers whether a name of ours belongs to another peer */
  constructor(
    private readonly peer: string,
    private readonly ownInstance: string,
    private readonly terms: OnwardTerms,
    private readonly registry: ToolRegistry,
    private readonly call: OnwardCall,
    private readonly isOthers: (name: string) => boolean,
  ) {}

  /**
   * Replaces the forwarded tools as one change, and does nothing when nothing changed: two services that forward each
   * other's tools would otherwise notify each other endlessly.
   */
  offer(listed: readonly Params[], profile: PeerProfile): void {
    const tools = new Map<string, ToolDefinition>();
    const offered = new Map<string, string>();
    const before = this.skipped;
    this.skipped = new Set();
    for (const tool of listed) {
      const definition = this.define(tool, profile);
      if (!definition) continue;
      if (tools.has(definition.name)) {
        this.skip(definition.name, 'it is listed twice');
        continue;
      }
      if (this.registry.get(definition.name) && !this.offered.has(definition.name)) {
        this.skip(definition.name, 'a tool of this name already exists');
        continue;
      }
      tools.set(definition.name, definition);
      offered.set(definition.name, JSON.stringify([tool, profile]));
    }
    // Logs each reason once, not with every listing.
    for (const line of this.skipped) if (!before.has(line)) ForwardedTools.logger.warn(line);
    if (sameEntries(offered, this.offered)) return;
    this.registry.replace(this.offered.keys(), [...tools.values()]);
    this.offered = offered;
    ForwardedTools.logger.log(`${tools.size} tools of peer ${this.peer} are offered onward`);
  }

  withdraw(): void {
    if (this.offered.size > 0) this.registry.replace(this.offered.keys(), []);
    this.offered = new Map();
  }

  private define(tool: Params, profile: PeerProfile): ToolDefinition | undefined {
    const { name } = tool;
    if (typeof name !== 'string') {
      this.skip(JSON.stringify(name) ?? 'without a name', 'its name is not text');
      return undefined;
    }
    if (!this.wants(name)) return undefined;
    const own = `${this.peer}_${name}`;
    const problem = this.problemOf(own, tool, profile);
    if (problem !== undefined) {
      this.skip(name, problem);
      return undefined;
    }
    const remote = { name, asTask: needsTask(tool) };
    const { options, ...definition } = defineTool(
      {
        name: own,
        description: typeof tool.description === 'string' ? tool.description : `${name} of ${this.peer}`,
        parameters: { type: 'object' },
        ...(isObject(tool.annotations) && { annotations: tool.annotations }),
        scope: this.terms.scope ?? (isReadOnly(tool) ? 'operations:read' : 'operations:write'),
        tenants: this.terms.tenants,
        set: this.peer.toLowerCase(),
      },
      (args, context) => this.call(remote, args, context),
    );
    // The peer validates with its own schemas, perhaps in a dialect we do not support.
    return {
      ...definition,
      options,
      listed: this.listedAs(own, tool, profile),
      validate: pass,
      validateOutput: undefined,
      headerParameters: headerParametersOf(tool),
    };
  }

  /** The tool as the peer describes it, except its name and what cannot apply here. */
  private listedAs(own: string, tool: Params, { instance }: PeerProfile): Params {
    const { name: _name, execution: _execution, outputSchema, inputSchema, _meta, ...more } = tool;
    return {
      ...more,
      name: own,
      description:
        typeof tool.description === 'string' ? tool.description : `${String(tool.name)} of ${this.peer}`,
      inputSchema: { type: 'object', ...(isObject(inputSchema) && inputSchema) },
      // Clients with sessions reject a whole list if one output schema is not that of an object.
      ...(isObject(outputSchema) && outputSchema.type === 'object' && { outputSchema }),
      _meta: { ...(isObject(_meta) && _meta), [META.via]: [...viaOf(tool), instance ?? `peer:${this.peer}`] },
    };
  }

  private problemOf(own: string, tool: Params, profile: PeerProfile): string | undefined {
    const via = viaOf(tool);
    if (via.includes(this.ownInstance) || via.length >= MAX_HOPS)
      return 'it has come through this service before';
    if (!/^[A-Za-z0-9_./-]{1,128}$/.test(own)) return `"${own.slice(0, 150)}" is no name of a tool`;
    if (this.isOthers(own)) return `${own} is a name that belongs to another peer`;
    const { inputSchema } = tool;
    const type = isObject(inputSchema) ? (inputSchema.type ?? 'object') : 'object';
    if (type !== 'object') return 'its arguments are not an object';
    const size = JSON.stringify(tool).length;
    if (size > MAX_TOOL_CHARACTERS) return `its description has ${size} characters`;
    return needsTask(tool) && !profile.hasTasks
      ? 'it can only be called as a task, and the peer has none'
      : undefined;
  }

  private wants(name: string): boolean {
    const { includeTools, excludeTools } = this.terms;
    return (includeTools.length === 0 || includeTools.includes(name)) && !excludeTools.includes(name);
  }

  private skip(name: string, why: string): void {
    if (this.skipped.size >= MAX_LINES) return;
    this.skipped.add(`Tool ${name.slice(0, 128)} of peer ${this.peer} is not offered: ${why}`);
  }
}

/** As the peer declares it; we have no other source. */
function isReadOnly({ annotations }: Params): boolean {
  return isObject(annotations) && annotations.readOnlyHint === true;
}

function needsTask({ execution }: Params): boolean {
  return isObject(execution) && execution.taskSupport === 'required';
}

function viaOf({ _meta }: Params): readonly string[] {
  const via = isObject(_meta) ? _meta[META.via] : undefined;
  return Array.isArray(via) ? via.filter((hop) => typeof hop === 'string') : [];
}

function pass(value: unknown): Validated {
  return isObject(value) ? { value } : { problem: 'arguments must be an object' };
}

function sameEntries(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}
