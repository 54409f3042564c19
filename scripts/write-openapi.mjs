/**
 * Writes docs/openapi.json from the built service: `npm run build && npm run openapi`. A test compares the file with
 * what the service serves, so that a change of the REST API shows in review.
 */
import 'reflect-metadata';
import { writeFile } from 'node:fs/promises';
import { OpstreamModule } from '../dist/opstream.module.js';
import { openService } from '../dist/service.js';

const app = await openService(OpstreamModule.forRoot({ port: 0, store: 'memory' }), false);
const { port } = app.getHttpServer().address();
const response = await fetch(`http://127.0.0.1:${port}/api-json`);
const document = await response.json();
await writeFile(new URL('../docs/openapi.json', import.meta.url), `${JSON.stringify(document, null, 2)}\n`);
await app.close();
