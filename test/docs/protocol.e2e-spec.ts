import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { EVENT_TYPES } from '../../src/operations/operation-event.js';
import { ERROR_CATALOGUE } from '../../src/platform/errors/error-catalogue.js';
import { HUB_COMMANDS } from '../../src/streaming/commands/hub-commands.js';

describe('docs/protocol.md', async () => {
  const text = await readFile(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  const streams = await readFile(new URL('../../docs/streams.md', import.meta.url), 'utf8');

  it.each([...HUB_COMMANDS.keys()])('S1-73: describes the command %s', (command) => {
    expect(text).toMatch(new RegExp(`^\\| \`${command}[ \`]`, 'm'));
  });

  it.each(EVENT_TYPES)('S1-73: describes the event %s', (type) => {
    expect(text).toMatch(new RegExp(`^\\| \`${type}\` `, 'm'));
  });

  const codes = Object.entries(ERROR_CATALOGUE).filter(([code]) => !code.startsWith('forge_'));
  it.each(codes)('S1-73: describes the error %s', (code, { status }) => {
    expect(text + streams).toMatch(new RegExp(`^\\| \`${code}\` +\\| ${status} `, 'm'));
  });
});
