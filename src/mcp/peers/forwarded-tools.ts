import { Logger } from '@nestjs/common';
import { isObject, type Params } from '../protocol/json-rpc.js';
import { META } from '../protocol/versions.js';
import type { ToolContext } from '../tools/tool-context.js';
import type { Validated } from '../tools/json-schema.js';
import { defineTool, type ToolDefinition } from '../tools/tool-definition.js';
import type { ToolRegistry } from '../tools/tool-registry.js';
import type { ToolReturn } from '../tools/tool-result.js';

/** Which of a peer's tools are offered onward; empty lists say nothing. */
export interface OnwardFilter {
  readonly includeTools: readonly string[];
  readonly excludeTools: readonly string[];
}

export type OnwardCall = (name: string, args: Params, context: ToolContext) => Promise<ToolReturn>;

/** Hops after which a tool is not offered onward any more. */
const MAX_HOPS = 8;

/**
 * The tools of one peer as our own, named `<peer>_<tool>`. Each says over which instances it comes, so that a tool
 * that has passed through this one is refused when it comes back.
 */
export class ForwardedTools {
  private static readonly logger = new Logger('McpPeers');
  /** By our name: the tool as the far side listed it, to tell a change from a repetition. */
  private offered = new Map<string, string>();

  constructor(
    private readonly peer: string,
    private readonly ownInstance: string,
    private readonly filter: OnwardFilter,
    private readonly registry: ToolRegistry,
    private readonly call: OnwardCall,
  ) {}

  /**
   * Replaces what is offered by this list, as one change, and not at all when nothing has changed: two services that
   * offer each other's tools would otherwise keep telling each other of changes.
   */
  offer(listed: readonly Params[], instance: string | undefined): void {
    const tools = new Map<string, ToolDefinition>();
    const offered = new Map<string, string>();
    for (const tool of listed) {
      const definition = this.define(tool, instance);
      if (!definition || tools.has(definition.name)) continue;
      if (this.registry.get(definition.name) && !this.offered.has(definition.name)) {
        this.skip(definition.name, 'there already is a tool of this name');
        continue;
      }
      tools.set(definition.name, definition);
      offered.set(definition.name, JSON.stringify([tool, instance]));
    }
    if (sameEntries(offered, this.offered)) return;
    this.registry.replace(this.offered.keys(), [...tools.values()]);
    this.offered = offered;
    ForwardedTools.logger.log(`${tools.size} tools of peer ${this.peer} are offered onward`);
  }

  withdraw(): void {
    if (this.offered.size > 0) this.registry.replace(this.offered.keys(), []);
    this.offered = new Map();
  }

  private define(tool: Params, instance: string | undefined): ToolDefinition | undefined {
    const { name, title, description, inputSchema, outputSchema, annotations } = tool;
    if (typeof name !== 'string' || !this.wants(name)) return undefined;
    const via = viaOf(tool);
    if (via.includes(this.ownInstance) || via.length >= MAX_HOPS) {
      this.skip(name, 'it has come through this service before');
      return undefined;
    }
    try {
      const definition = defineTool(
        {
          name: `${this.peer}_${name}`,
          ...(typeof title === 'string' && { title }),
          description: typeof description === 'string' ? description : `${name} of ${this.peer}`,
          parameters: isObject(inputSchema) ? inputSchema : { type: 'object' },
          ...(isObject(outputSchema) && { output: outputSchema }),
          ...(isObject(annotations) && { annotations }),
          meta: { [META.via]: [...via, instance ?? `peer:${this.peer}`] },
        },
        (args, context) => this.call(name, args, context),
      );
      // The far side checks by its own schemas, which may be in a dialect that is not ours.
      return { ...definition, validate: pass, validateOutput: undefined };
    } catch (thrown) {
      this.skip(name, (thrown as Error).message);
      return undefined;
    }
  }

  private wants(name: string): boolean {
    const { includeTools, excludeTools } = this.filter;
    return (includeTools.length === 0 || includeTools.includes(name)) && !excludeTools.includes(name);
  }

  private skip(name: string, why: string): void {
    ForwardedTools.logger.warn(`Tool ${name.slice(0, 128)} of peer ${this.peer} is not offered: ${why}`);
  }
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
