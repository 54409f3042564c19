import { Module } from '@nestjs/common';
import { McpModule } from '../../../src/mcp/mcp.module.js';
import { ContentTools } from './content-tools.js';
import { Declarations } from './declarations.js';
import { InputTools } from './input-tools.js';
import { TaskTools } from './task-tools.js';

/** What the official conformance suite expects a server to offer; nothing but tests loads it. */
@Module({ imports: [McpModule], providers: [ContentTools, InputTools, TaskTools, Declarations] })
export class ConformanceFixtureModule {}
