import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { ToolContext } from '../../../src/mcp/tools/tool-context.js';
import { Tool } from '../../../src/mcp/tools/tool.decorator.js';
import type { ContentBlock } from '../../../src/mcp/tools/tool-result.js';
import { UserError } from '../../../src/mcp/tools/user-error.js';
import { ADDRESS_SCHEMA, PNG, WAV } from './samples.js';

const plain = { taskSupport: 'forbidden' } as const;

/** The tools of the official conformance suite that only return content. */
@Injectable()
export class ContentTools {
  @Tool({ scope: null, name: 'test_simple_text', description: 'Simple text', ...plain })
  simpleText(): string {
    return 'This is a simple text response for testing.';
  }

  @Tool({ scope: null, name: 'test_image_content', description: 'An image', ...plain })
  image(): ContentBlock {
    return { type: 'image', data: PNG, mimeType: 'image/png' };
  }

  @Tool({ scope: null, name: 'test_audio_content', description: 'Audio', ...plain })
  audio(): ContentBlock {
    return { type: 'audio', data: WAV, mimeType: 'audio/wav' };
  }

  @Tool({ scope: null, name: 'test_embedded_resource', description: 'An embedded resource', ...plain })
  embeddedResource(): ContentBlock {
    return {
      type: 'resource',
      resource: {
        uri: 'test://embedded-resource',
        mimeType: 'text/plain',
        text: 'This is an embedded resource content.',
      },
    };
  }

  @Tool({
    scope: null,
    name: 'test_multiple_content_types',
    description: 'Several kinds of content',
    ...plain,
  })
  mixed(): ContentBlock[] {
    return [
      { type: 'text', text: 'Multiple content types test:' },
      { type: 'image', data: PNG, mimeType: 'image/png' },
      {
        type: 'resource',
        resource: {
          uri: 'test://mixed-content-resource',
          mimeType: 'application/json',
          text: '{"test":"data","value":123}',
        },
      },
    ];
  }

  @Tool({ scope: null, name: 'test_error_handling', description: 'Always fails', ...plain })
  fail(): never {
    throw new UserError('This tool intentionally returns an error for testing');
  }

  @Tool({ scope: null, name: 'test_tool_with_progress', description: 'Reports progress', ...plain })
  async progress(_args: object, { reportProgress }: ToolContext): Promise<string> {
    for (const progress of [0, 50, 100]) {
      await reportProgress({ progress, total: 100, message: `Completed step ${progress} of 100` });
      await delay(50);
    }
    return 'Done';
  }

  @Tool({ scope: null, name: 'test_tool_with_logging', description: 'Logs', ...plain })
  async logging(_args: object, { log }: ToolContext): Promise<string> {
    log.info('Tool execution started');
    await delay(50);
    log.info('Tool processing data');
    await delay(50);
    log.info('Tool execution completed');
    return 'Done';
  }

  @Tool({ scope: null, name: 'test_logging_tool', description: 'Logs in the era without sessions', ...plain })
  loggingTool(_args: object, { log }: ToolContext): string {
    log.info('A line of the log');
    return 'Done';
  }

  @Tool({ scope: null, name: 'test_reconnection', description: 'Ends its stream while it runs', ...plain })
  async reconnection(_args: object, { pauseStream }: ToolContext): Promise<string> {
    pauseStream(500);
    await delay(100);
    return 'Reconnection test completed';
  }

  @Tool({
    scope: null,
    name: 'json_schema_2020_12_tool',
    description: 'Tool with JSON Schema 2020-12 features',
    parameters: ADDRESS_SCHEMA,
    ...plain,
  })
  jsonSchema(args: object): string {
    return JSON.stringify(args);
  }

  @Tool({
    scope: null,
    name: 'test_header_parameters',
    description: 'Its parameters come in headers, too',
    parameters: z.object({
      region: z.string().meta({ 'x-mcp-header': 'Region' }),
      priority: z.number().optional().meta({ 'x-mcp-header': 'Priority' }),
      query: z.string().optional(),
    }),
    ...plain,
  })
  headerParameters({ region }: { region: string }): string {
    return `Region ${region}`;
  }

  @Tool({
    scope: null,
    name: 'greet',
    description: 'Greets at once',
    parameters: z.object({ name: z.string() }),
    ...plain,
  })
  greet({ name }: { name: string }): string {
    return `Hello, ${name}!`;
  }
}
