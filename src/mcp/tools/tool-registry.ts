import { Injectable } from '@nestjs/common';
import { NamedRegistry } from '../registry/named-registry.js';
import type { ToolDefinition } from './tool-definition.js';

/** All tools of this service, by name. Changes reach clients as `notifications/tools/list_changed`. */
@Injectable()
export class ToolRegistry extends NamedRegistry<ToolDefinition> {
  constructor() {
    super('tool', ({ name }) => name);
  }
}
