import { describe, expect, it } from 'vitest';
import { Emitter } from './emitter.js';

describe('Emitter', () => {
  it('calls listeners in order, once or until they leave, also when they leave while it emits', () => {
    const emitter = new Emitter<{ word: [string]; error: [Error] }>();
    const heard: string[] = [];
    const second = (word: string): void => void heard.push(`second ${word}`);
    emitter.once('word', (word) => {
      heard.push(`once ${word}`);
      emitter.off('word', second);
    });
    emitter.on('word', second);
    expect(emitter.emit('word', 'a')).toBe(true);
    expect(heard).toEqual(['once a', 'second a']);
    expect(emitter.emit('word', 'b')).toBe(false);
    expect(emitter.listenerCount('word')).toBe(0);
  });

  it('an error nobody listens to is not thrown', () => {
    expect(new Emitter<{ error: [Error] }>().emit('error', new Error('x'))).toBe(false);
  });
});
