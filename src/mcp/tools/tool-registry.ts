import { Injectable } from '@nestjs/common';
import { Catalogue } from '../registry/named-registry.js';
import type { ToolDefinition } from './tool-definition.js';

/** Every tool this service offers, by name. Changes reach clients as `notifications/tools/list_changed`. */
@Injectable()
export class ToolRegistry extends Catalogue<ToolDefinition> {
  constructor() {
    super('tool', ({ name }) => name);
  }
}
