/**
 * A scripted coding agent for Forge, which starts it as `npx` in the attempt's worktree and speaks JSON lines with it.
 * It changes four files over about two seconds. SLOW in the prompt makes it tick for a minute, FAIL exit with 3.
 */
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const SESSION = '11111111-2222-4333-8444-555555555555';
const write = (message) => process.stdout.write(`${JSON.stringify({ ...message, session_id: SESSION })}\n`);
const say = (id, text, stop_reason = null) =>
  write({
    type: 'assistant',
    message: {
      id,
      type: 'message',
      role: 'assistant',
      model: 'scripted',
      content: [{ type: 'text', text }],
      stop_reason,
    },
  });

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  if (message.type === 'control_request') {
    const response = { subtype: 'success', request_id: message.request_id, response: {} };
    process.stdout.write(`${JSON.stringify({ type: 'control_response', response })}\n`);
  } else if (message.type === 'user') {
    await work(message.message.content);
  }
}

async function work(prompt) {
  write({
    type: 'system',
    subtype: 'init',
    cwd: process.cwd(),
    tools: [],
    mcp_servers: [],
    model: 'scripted',
    permissionMode: 'bypassPermissions',
    apiKeySource: 'none',
  });
  process.stderr.write('agent: warming up\n');
  say('msg_1', 'I will add a file. é ✓ 漢字');
  await delay(300);
  writeFileSync('added.txt', 'line one\nline two\n');
  await delay(300);
  appendFileSync('README.md', 'edited by agent\n');
  await delay(300);
  mkdirSync('src/deep', { recursive: true });
  writeFileSync('src/deep/a~b.txt', 'tilde\n');
  await delay(300);
  rmSync('delete-me.txt', { force: true });
  if (prompt.includes('SLOW')) {
    for (let tick = 0; tick < 60; tick++) {
      say(`msg_t${tick}`, `tick ${tick}`);
      await delay(1000);
    }
  }
  await delay(300);
  say('msg_2', 'Done.', 'end_turn');
  const failed = prompt.includes('FAIL');
  write({
    type: 'result',
    subtype: failed ? 'error_during_execution' : 'success',
    is_error: failed,
    duration_ms: 1,
    duration_api_ms: 1,
    num_turns: 1,
    result: 'Done.',
    total_cost_usd: 0,
  });
  await delay(50);
  process.exit(failed ? 3 : 0);
}
