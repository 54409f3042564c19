import { isObject, type Params, type RpcResponse } from '../protocol/json-rpc.js';
import { Unanswered } from './pending-requests.js';

/** Limits of one peer's tool list: tools, pages, and total characters. */
const MAX_TOOLS = 10_000;
const MAX_PAGES = 1000;
const MAX_CHARACTERS = 32 * 1024 * 1024;

export interface ToolList {
  readonly tools: readonly Params[];
  /** Why the list may be incomplete. */
  readonly incomplete: string | undefined;
}

/**
 * Reads a peer's tools page by page, within the limits.
 * @param read one page; the first has no cursor
 * @throws Unanswered for an answer that is not a list
 */
export async function listTools(
  read: (cursor: string | undefined) => Promise<RpcResponse>,
): Promise<ToolList> {
  const tools: Params[] = [];
  const cursors = new Set<string>();
  let characters = 0;
  let cursor: string | undefined;
  for (let pages = 1; ; pages++) {
    const { result, error } = await read(cursor);
    if (!result || !Array.isArray(result.tools)) {
      throw new Unanswered(`tools/list was answered with ${JSON.stringify(error ?? result).slice(0, 300)}`);
    }
    for (const tool of result.tools.filter(isObject)) {
      characters += JSON.stringify(tool).length;
      if (tools.length >= MAX_TOOLS)
        return { tools, incomplete: `only ${MAX_TOOLS} tools of a peer are read` };
      if (characters > MAX_CHARACTERS)
        return { tools, incomplete: `its tools have more than ${MAX_CHARACTERS} characters` };
      tools.push(tool);
    }
    const { nextCursor } = result;
    // An empty cursor ends a listing, like a missing one.
    if (typeof nextCursor !== 'string' || nextCursor === '') return { tools, incomplete: undefined };
    if (cursors.has(nextCursor)) return { tools, incomplete: 'its listing leads in a circle' };
    if (pages >= MAX_PAGES) return { tools, incomplete: `only ${MAX_PAGES} pages of a listing are read` };
    cursors.add(nextCursor);
    cursor = nextCursor;
  }
}
