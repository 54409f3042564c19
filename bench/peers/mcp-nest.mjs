// @rekog/mcp-nest as its README starts it, both eras; decorators are applied by hand because this file is not compiled.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { McpController, McpStrategy, StreamableHttpTransport, Tool } from '@rekog/mcp-nest';
import { z } from 'zod';
import { answerLines, cpuMicroseconds } from '../harness/answer-lines.mjs';

class Tools {
  echo({ text }) {
    return { content: [{ type: 'text', text }] };
  }
}
McpController()(Tools);
Tool({ name: 'echo', description: 'Echo', parameters: z.object({ text: z.string() }) })(
  Tools.prototype,
  'echo',
  Object.getOwnPropertyDescriptor(Tools.prototype, 'echo'),
);
class AppModule {}
Module({ controllers: [Tools] })(AppModule);

const mcp = new McpStrategy({
  name: 'mcp-nest',
  version: '1.0.0',
  protocol: 'dual',
  transports: [new StreamableHttpTransport({ statefulMode: true, enableJsonResponse: true })],
});
const app = await NestFactory.create(AppModule, { logger: ['error'] });
mcp.setHttpAdapter(app.getHttpAdapter());
app.connectMicroservice({ strategy: mcp });
await app.startAllMicroservices();
await app.listen(0, '127.0.0.1');
await answerLines(
  { cpu: () => ({ cpu_us: cpuMicroseconds() }) },
  { port: app.getHttpServer().address().port },
);
