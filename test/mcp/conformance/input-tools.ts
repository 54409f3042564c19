import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { InputRequest, ToolContext } from '../../../src/mcp/tools/tool-context.js';
import { Tool } from '../../../src/mcp/tools/tool.decorator.js';
import { form, sampling } from './samples.js';

const plain = { taskSupport: 'forbidden' } as const;
const NAME = { name: { type: 'string' } };
const OK = { ok: { type: 'boolean' } };

/** The three choices of an enum with titles. */
const titled = (noun: string) =>
  ['First', 'Second', 'Third'].map((word, index) => ({
    const: `value${index + 1}`,
    title: `${word} ${noun}`,
  }));

/** The tools of the official conformance suite that ask their caller for input, in either era. */
@Injectable()
export class InputTools {
  @Tool({
    scope: null,
    name: 'test_sampling',
    description: 'Asks the model',
    parameters: z.object({ prompt: z.string() }),
    ...plain,
  })
  async sample({ prompt }: { prompt: string }, { requestInput }: ToolContext): Promise<string> {
    const { answer } = await requestInput({ answer: sampling(prompt) });
    return `LLM response: ${textOf(answer)}`;
  }

  @Tool({
    scope: null,
    name: 'test_elicitation',
    description: 'Asks the user',
    parameters: z.object({ message: z.string() }),
    ...plain,
  })
  async elicit({ message }: { message: string }, { requestInput }: ToolContext): Promise<string> {
    const { answer } = await requestInput({
      answer: form(message, { username: { type: 'string' }, email: { type: 'string' } }, [
        'username',
        'email',
      ]),
    });
    return `User response: ${JSON.stringify(answer)}`;
  }

  @Tool({
    scope: null,
    name: 'test_elicitation_sep1034_defaults',
    description: 'A form with defaults',
    ...plain,
  })
  defaults(_args: object, { requestInput }: ToolContext): Promise<string> {
    return completed(requestInput, {
      name: { type: 'string', default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    });
  }

  @Tool({
    scope: null,
    name: 'test_elicitation_sep1330_enums',
    description: 'A form with every kind of enum',
    ...plain,
  })
  enums(_args: object, { requestInput }: ToolContext): Promise<string> {
    const options = ['option1', 'option2', 'option3'];
    return completed(requestInput, {
      untitledSingle: { type: 'string', enum: options },
      titledSingle: { type: 'string', oneOf: titled('Option') },
      legacyEnum: {
        type: 'string',
        enum: ['opt1', 'opt2', 'opt3'],
        enumNames: ['Option One', 'Option Two', 'Option Three'],
      },
      untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
      titledMulti: { type: 'array', items: { anyOf: titled('Choice') } },
    });
  }

  @Tool({ scope: null, name: 'test_missing_capability', description: 'Needs sampling', ...plain })
  async missingCapability(_args: object, { requestInput }: ToolContext): Promise<string> {
    const { answer } = await requestInput({ answer: sampling('Anything') });
    return textOf(answer);
  }

  @Tool({
    scope: null,
    name: 'test_streaming_elicitation',
    description: 'Asks the user on a stream',
    ...plain,
  })
  async streamingElicitation(_args: object, { requestInput, streamContent }: ToolContext): Promise<string> {
    await streamContent({ type: 'text', text: 'Asking' });
    const { user_name } = await requestInput({ user_name: form('What is your name?', NAME, ['name']) });
    return JSON.stringify(user_name);
  }

  @Tool({
    scope: null,
    name: 'test_input_required_result_elicitation',
    description: 'Asks for a name',
    ...plain,
  })
  async name(_args: object, { requestInput }: ToolContext): Promise<string> {
    const { user_name } = await requestInput({ user_name: form('What is your name?', NAME, ['name']) });
    return `Hello, ${String(user_name.content?.name)}!`;
  }

  @Tool({ scope: null, name: 'test_input_required_result_sampling', description: 'Asks the model', ...plain })
  async capital(_args: object, { requestInput }: ToolContext): Promise<string> {
    const { capital_question } = await requestInput({
      capital_question: sampling('What is the capital of France?'),
    });
    return textOf(capital_question);
  }

  @Tool({
    scope: null,
    name: 'test_input_required_result_list_roots',
    description: 'Asks for roots',
    ...plain,
  })
  async roots(_args: object, { requestInput }: ToolContext): Promise<string> {
    const { client_roots } = await requestInput({ client_roots: { method: 'roots/list', params: {} } });
    return client_roots.roots.map(({ uri }) => uri).join(', ');
  }

  @Tool({
    scope: null,
    name: 'test_input_required_result_request_state',
    description: 'Asks and remembers',
    ...plain,
  })
  async requestState(_args: object, { requestInput }: ToolContext): Promise<string> {
    await requestInput({ confirm: form('Please confirm', OK, ['ok']) });
    return 'state-ok';
  }

  @Tool({
    scope: null,
    name: 'test_input_required_result_tampered_state',
    description: 'Asks and remembers',
    ...plain,
  })
  async tamperedState(_args: object, { requestInput }: ToolContext): Promise<string> {
    await requestInput({ confirm: form('Please confirm', OK, ['ok']) });
    return 'confirmed';
  }

  @Tool({
    scope: null,
    name: 'test_input_required_result_multiple_inputs',
    description: 'Asks three things',
    ...plain,
  })
  async multipleInputs(_args: object, { requestInput }: ToolContext): Promise<string> {
    const answers = await requestInput({
      user_name: form('What is your name?', NAME, ['name']),
      greeting: sampling('Generate a greeting', 50),
      client_roots: { method: 'roots/list', params: {} },
    });
    return `${textOf(answers.greeting)} ${String(answers.user_name.content?.name)}`;
  }

  @Tool({ scope: null, name: 'test_input_required_result_multi_round', description: 'Asks twice', ...plain })
  async multiRound(_args: object, { requestInput }: ToolContext): Promise<string> {
    const { step1 } = await requestInput({ step1: form('Step 1: What is your name?', NAME, ['name']) });
    const color = { color: { type: 'string' } };
    const { step2 } = await requestInput({
      step2: form('Step 2: What is your favorite color?', color, ['color']),
    });
    return `${String(step1.content?.name)} likes ${String(step2.content?.color)}`;
  }

  @Tool({
    scope: null,
    name: 'test_input_required_result_capabilities',
    description: 'Asks what it may',
    ...plain,
  })
  async capabilities(_args: object, { requestInput, clientCapabilities }: ToolContext): Promise<string> {
    const requests: Record<string, InputRequest> = {};
    if (clientCapabilities.elicitation) requests.user_name = form('What is your name?', NAME);
    if (clientCapabilities.sampling) requests.greeting = sampling('Generate a greeting');
    return JSON.stringify(await requestInput(requests));
  }
}

async function completed(
  requestInput: ToolContext['requestInput'],
  fields: Parameters<typeof form>[1],
): Promise<string> {
  const { answer } = await requestInput({ answer: form('Please review and update the form fields', fields) });
  return `Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`;
}

function textOf(answer: { content: unknown }): string {
  const [block] = [answer.content].flat() as { text?: string }[];
  return block?.text ?? '';
}
