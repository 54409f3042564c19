import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JsonSocket } from '../harness/json-socket.js';
import { RunningService } from '../harness/running-service.js';
import { SECRET, sign } from '../harness/tokens.js';
import { play, transcriptsOf } from './message-samples.js';

const hub = transcriptsOf('protocol.md');
const agents = transcriptsOf('agents.md');
const sessions = transcriptsOf('sessions.md');
const all = [...hub, ...agents, ...sessions].flat();

describe('the messages in the documents', () => {
  it('are what the SDK declares, and all of it', () => {
    const named = (fromClient: boolean): string =>
      [...new Set(all.filter((sample) => sample.fromClient === fromClient).map(({ type }) => type))]
        .filter((type) => type !== 'unknown')
        .map((type) => `sdk.${type}`)
        .join(' | ');
    const samples = all.filter(({ type }) => type !== 'unknown');
    const lines = [
      `import type * as sdk from './src/client/index.js';`,
      `type Requests = sdk.HubCommand | sdk.AgentRequest | sdk.ViewerRequest | sdk.SessionAgentCall;`,
      `type Messages = sdk.HubMessage | sdk.AgentMessage | sdk.ViewerMessage | sdk.SessionAgentMessage;`,
      `type Forgotten = Exclude<Requests, ${named(true)}> | Exclude<Messages, ${named(false)}>;`,
      `export const complete: [Forgotten] extends [never] ? true : Forgotten = true;`,
      ...samples.map(({ type, json }, n) => `export const sample${n}: sdk.${type} = ${json};`),
    ];
    expect(samples.length).toBeGreaterThan(60);
    expect(compile(lines.join('\n'))).toEqual([]);
  });

  describe('as a service sends them', () => {
    let service: RunningService;
    let token: string;

    beforeAll(async () => {
      token = await sign({ id: 'planner' });
      service = await RunningService.start({ STORE: 'memory', JWT_SECRET: SECRET });
      await send('PUT', '/v1/stream/notes', [{ text: 'hello' }]);
      await send('POST', '/api/sessions', {
        purpose: 'Fix the login',
        session_id: 'login',
        metadata: { branch: 'main' },
      });
      await send('POST', '/api/sessions/login/messages', { content: 'The token is checked twice' });
    });
    afterAll(() => service.stop());

    it.each([
      ['protocol.md', () => '/hub', hub[0]!],
      ['agents.md', () => `/agents?token=${token}`, agents[0]!],
      ['sessions.md, viewers', () => '/sessions/login?after_seq=0', sessions[0]!],
      ['sessions.md, agents', () => '/mcp/login', sessions[2]!],
    ])('%s', async (_document, pathOf, transcript) => {
      const socket = await JsonSocket.connect(service.ws + pathOf());
      const real = transcript.map((sample) => ({ ...sample, json: sample.json.replace('<token>', token) }));
      const pairs = await play(socket, real);
      expect(pairs.length).toBeGreaterThan(4);
      for (const { shown, came } of pairs) expect(came).toMatchObject(shown as object);
    });

    const send = async (method: string, path: string, body: unknown): Promise<void> => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(service.http + path, { method, headers, body: JSON.stringify(body) });
      expect(response.status).toBe(201);
    };
  });
});

/** @returns what is wrong with a module at the root of the repository */
function compile(text: string): string[] {
  const path = `${process.cwd()}/message-samples.ts`;
  const { config } = ts.readConfigFile('tsconfig.json', (file) => ts.sys.readFile(file)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd());
  const disk = ts.createCompilerHost({ ...options, incremental: false });
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (file) => file === path || disk.fileExists(file),
    getSourceFile: (file, ...how) =>
      file === path
        ? ts.createSourceFile(file, text, ts.ScriptTarget.ES2023)
        : disk.getSourceFile(file, ...how),
  };
  const program = ts.createProgram([path], { ...options, noEmit: true, incremental: false }, host);
  const file = program.getSourceFile(path)!;
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
    ({ messageText, start = 0 }) =>
      `${ts.flattenDiagnosticMessageText(messageText, '\n')}\n${text.slice(start, start + 100)}`,
  );
}
