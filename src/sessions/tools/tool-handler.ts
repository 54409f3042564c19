import type { Principal } from '../../auth/principal.js';
import type { JsonObject } from '../../platform/json.js';

/** Converted arguments: the names and types of the tool's schema hold. */
export type ToolArguments = Readonly<Record<string, unknown>>;

/** Does what a tool does, and returns the members of its answer beside `success`. */
export type ToolHandler = (args: ToolArguments, caller: Principal) => Promise<JsonObject>;

export function text(args: ToolArguments, name: string): string {
  return args[name] as string;
}

export function textOrNull(args: ToolArguments, name: string): string | null {
  return (args[name] ?? null) as string | null;
}

export function number(args: ToolArguments, name: string): number {
  return args[name] as number;
}
