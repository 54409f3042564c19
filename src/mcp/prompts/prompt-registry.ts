import { Injectable } from '@nestjs/common';
import { NamedRegistry } from '../registry/named-registry.js';
import type { PromptContext, PromptOptions, PromptReturn } from './prompt.decorator.js';

export interface PromptDefinition {
  readonly options: PromptOptions;
  readonly load: (
    args: Record<string, string>,
    context: PromptContext,
  ) => Promise<PromptReturn> | PromptReturn;
}

/** Every prompt this service offers, by name. */
@Injectable()
export class PromptRegistry extends NamedRegistry<PromptDefinition> {
  constructor() {
    super('prompt', ({ options }) => options.name);
  }
}
