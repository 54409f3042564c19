import { Injectable } from '@nestjs/common';
import { Configuration } from '../../config/configuration.js';
import { Prompt, type PromptContext } from '../../mcp/prompts/prompt.decorator.js';
import { OpstreamError } from '../../platform/errors/opstream-error.js';
import { parseJson } from '../../platform/json.js';
import { actorOf } from '../actor.js';
import { isoOf } from '../session-json.js';
import { SessionsService } from '../sessions.service.js';

const AGENT_TYPES = ['claude', 'gemini', 'admin', 'system', 'test', 'generic'];

/** Prompts that begin work in a session, or look into one. */
@Injectable()
export class SessionPrompts {
  constructor(
    private readonly sessions: SessionsService,
    private readonly configuration: Configuration,
  ) {}

  @Prompt({
    name: 'setup-collaboration',
    description: 'Begins a session in which several agents work together',
    arguments: [
      { name: 'purpose', description: 'What they work on', required: true },
      {
        name: 'agent_types',
        description: `A JSON list, or names separated by commas, of ${AGENT_TYPES.join(', ')}`,
      },
      { name: 'project_name', description: 'Name of the project' },
    ],
  })
  setUp({ purpose = '', agent_types: types, project_name: project }: Record<string, string>): string {
    const wanted = types === undefined || types.trim() === '' ? ['claude', 'gemini'] : listOf(types);
    const unknown = wanted.filter((type) => !AGENT_TYPES.includes(type));
    if (unknown.length > 0) {
      return `Unknown agent types: ${unknown.join(', ').slice(0, 200)}. Use ${AGENT_TYPES.join(', ')}.`;
    }
    return [
      `Set up a shared session for this work: ${purpose}`,
      project === undefined ? '' : `Project: ${project}`,
      '',
      '1. Make a token for each agent with authenticate_agent:',
      ...wanted.map((type) => `   - agent_id "${type}-1", agent_type "${type}"`),
      `2. Create the session with create_session, purpose ${JSON.stringify(purpose)}.`,
      '3. Give session_id and token to each agent. Each passes its token as auth_token.',
      '4. Let every agent say with add_message what it begins and what it has finished, and read with get_messages',
      '   or search_context what the others did before it begins.',
      '5. Keep shared state in messages with metadata, and your own in set_memory with the session_id.',
    ]
      .filter((line, index) => index !== 1 || line !== '')
      .join('\n');
  }

  @Prompt({
    name: 'debug-session',
    description: 'Shows what there is to see of a session, to find out why agents do not get on',
    arguments: [{ name: 'session_id', description: 'Id of the session', required: true }],
  })
  async debug(
    { session_id: id = '' }: Record<string, string>,
    { principal }: PromptContext,
  ): Promise<string> {
    const actor = actorOf(principal, this.configuration.sessions.visibility === 'open');
    try {
      const session = await this.sessions.get(actor, id);
      const { messages, total } = await this.sessions.messages(actor, id, { order: 'newest', limit: 10 });
      const senders = [...new Set(messages.map(({ sender, senderType }) => `${sender.id} (${senderType})`))];
      return [
        `Find out what goes wrong in the session ${id}.`,
        '',
        `Purpose: ${session.purpose}`,
        `Created by ${session.createdBy} at ${isoOf(session.createdAt)}; ${session.closedAt === null ? 'open' : 'closed'}`,
        `Messages you can see: ${total}; connected: ${session.presence.participants}`,
        `Latest senders: ${senders.join(', ') || 'none'}`,
        '',
        'Newest messages:',
        ...messages.map(
          ({ sender, content, timestamp }) => `- ${isoOf(timestamp)} ${sender.id}: ${content.slice(0, 200)}`,
        ),
        '',
        'Look for agents that wait for each other, repeat each other or have fallen silent, and say what to do next.',
      ].join('\n');
    } catch (thrown) {
      if (!(thrown instanceof OpstreamError)) throw thrown;
      return `${thrown.message}. Check the session id and try again.`;
    }
  }
}

function listOf(text: string): readonly string[] {
  if (!text.trimStart().startsWith('[')) return text.split(',').map((type) => type.trim());
  try {
    const parsed = parseJson(text);
    return Array.isArray(parsed) ? parsed.map(String) : [text];
  } catch {
    return [text];
  }
}
