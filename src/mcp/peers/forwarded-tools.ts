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

/** Which of a peer's tools are offered onward, and to whom; empty lists say nothing. */
export interface OnwardTerms {
  /** Scope that callers need; by default one to read or one to write. */
  readonly scope?: string | undefined;
  readonly tenants: readonly string[];
  readonly includeTools: readonly string[];
  readonly excludeTools: readonly string[];
}

/** A tool of a peer by the peer's own name. */
export interface RemoteTool {
  readonly name: string;
  /** It can only be called as a task. */
  readonly asTask: boolean;
}

export type OnwardCall = (tool: RemoteTool, args: Params, context: ToolContext) => Promise<ToolReturn>;

/** Characters of one tool as it is listed: every client reads all of them. */
const MAX_TOOL_CHARACTERS = 256 * 1024;
/** Hops after which a tool is not offered onward any more. */
const MAX_HOPS = 8;
/** Lines of the log that one listing may cost. */
const MAX_LINES = 100;

/**
 * The tools of one peer as our own, named `<peer>_<tool>`. Each says over which instances it comes, so that a tool
 * that has passed through this one is refused when it comes back.
 */
export class ForwardedTools {
  private static readonly logger = new Logger('McpPeers');
  /** By our name: the tool as the peer listed it, to tell a change from a repetition. */
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
   * Replaces what is offered by this list, as one change, and not at all when nothing has changed: two services that
   * offer each other's tools would otherwise keep telling each other of changes.
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
        this.skip(definition.name, 'there already is a tool of this name');
        continue;
      }
      tools.set(definition.name, definition);
      offered.set(definition.name, JSON.stringify([tool, profile]));
    }
    // The same reason is told once, not with every listing.
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
      this.skip(JSON.stringify(name) ?? 'without a name', 'its name is no text');
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
    // The peer checks by its own schemas, which may be in a dialect that is not ours.
    return {
      ...definition,
      options,
      listed: this.listedAs(own, tool, profile),
      validate: pass,
      validateOutput: undefined,
      headerParameters: headerParametersOf(tool),
    };
  }

  /** The tool with everything that the peer says of it, apart from its name and what cannot hold here. */
  private listedAs(own: string, tool: Params, { instance }: PeerProfile): Params {
    const { name: _name, execution: _execution, outputSchema, inputSchema, _meta, ...more } = tool;
    return {
      ...more,
      name: own,
      description:
        typeof tool.description === 'string' ? tool.description : `${String(tool.name)} of ${this.peer}`,
      inputSchema: { type: 'object', ...(isObject(inputSchema) && inputSchema) },
      // Clients of sessions do not read a list in which one output schema is not that of an object.
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
    if (type !== 'object') return 'its arguments are no object';
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

/** By its own word, which is all there is to go by: what it changes is the peer's. */
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
