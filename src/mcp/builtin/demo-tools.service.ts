import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Configuration } from '../../config/configuration.js';
import type { OptionalDeclarations } from '../registry/optional-declarations.js';
import type { ToolContext } from '../tools/tool-context.js';
import { Tool } from '../tools/tool.decorator.js';

const SENTENCE = 'The quick brown fox jumps over the lazy dog.';
const WORD_INTERVAL_MS = 300;
const ITEM_INTERVAL_MS = 50;

/** Two demonstration tools, registered with `DEMO=true`. */
@Injectable()
export class DemoTools implements OptionalDeclarations {
  readonly offered: boolean;

  constructor({ demo }: Configuration) {
    this.offered = demo;
  }

  @Tool({
    scope: null,
    name: 'generateText',
    description: 'Generate text incrementally',
    parameters: z.strictObject({ prompt: z.string() }),
    annotations: { streamingHint: true, readOnlyHint: true },
  })
  async generateText(_args: { prompt: string }, { streamContent, signal }: ToolContext): Promise<void> {
    await streamContent({ type: 'text', text: 'Starting generation...\n' });
    for (const word of SENTENCE.split(' ')) {
      await streamContent({ type: 'text', text: `${word} ` });
      await delay(WORD_INTERVAL_MS, undefined, { signal });
    }
  }

  @Tool({
    scope: null,
    name: 'processData',
    description: 'Process data with streaming updates',
    parameters: z.strictObject({ datasetSize: z.number().int().min(0).max(100_000) }),
    annotations: { streamingHint: true },
  })
  async processData(
    { datasetSize: total }: { datasetSize: number },
    { streamContent, reportProgress, signal }: ToolContext,
  ): Promise<string> {
    for (let item = 0; item < total; item++) {
      await reportProgress({ progress: item, total });
      if (item % 10 === 0) {
        await streamContent({ type: 'text', text: `Processed ${item} of ${total} items...\n` });
      }
      await delay(ITEM_INTERVAL_MS, undefined, { signal });
    }
    return 'Processing complete!';
  }
}
