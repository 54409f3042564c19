import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { clients, connections } from '../connection/connection.js';
import { formatRoute } from '../routing/route.js';
import { Empty, Problem } from '../ui/notice.js';
import { McpClient, type Tool } from './mcp-client.js';
import { ToolPanel } from './tool-panel.js';

/** The tools that MCP clients of this service are offered, and one of them to try. */
export function ToolsPage({ name }: { readonly name: string | undefined }) {
  const { rest } = clients.value;
  const tools = useSignal<readonly Tool[] | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const read = async (): Promise<void> => {
    try {
      tools.value = await new McpClient(rest).listTools();
      problem.value = undefined;
    } catch (thrown) {
      problem.value = (thrown as Error).message;
    }
  };
  useEffect(() => {
    document.title = `${name ?? 'MCP tools'} · Opstream`;
  }, [name]);
  useEffect(() => {
    void read();
  }, [rest, connections.value]);

  const chosen = tools.value?.find((tool) => tool.name === name);
  if (problem.value !== undefined) return <Problem message={problem.value} retry={() => void read()} />;
  if (tools.value === undefined) return <div class="loading" aria-busy="true" aria-label="Loading" />;
  if (tools.value.length === 0) {
    return (
      <Empty title="No tools">
        <p>This service offers you no MCP tools. MCP_TOOLSETS chooses which ones it offers.</p>
      </Empty>
    );
  }
  return (
    <div class="tools" data-chosen={chosen !== undefined}>
      <ul class="list tool-list" aria-label="Tools">
        {tools.value.map((tool) => (
          <li key={tool.name} class={tool.name === name ? 'is-current' : undefined}>
            <a href={formatRoute('tools', tool.name)} aria-current={tool.name === name ? 'true' : undefined}>
              <strong>{tool.title ?? tool.name}</strong>
              <span class="muted">{firstSentence(tool.description)}</span>
            </a>
          </li>
        ))}
      </ul>
      {chosen ? (
        <ToolPanel key={chosen.name} tool={chosen} client={new McpClient(rest)} />
      ) : (
        <section class="tool-panel">
          <p class="muted">
            {name === undefined
              ? 'Choose a tool to call it. Each call is recorded as an operation.'
              : `There is no tool ${name}.`}
          </p>
        </section>
      )}
    </div>
  );
}

function firstSentence(text = ''): string {
  return text.split(/(?<=[.!?])\s|\n/, 1)[0]!.slice(0, 160);
}
