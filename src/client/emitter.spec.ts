import { EventEmitter, once } from 'node:events';
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

  it('S4-50: is an EventEmitter of Node, with everything that those have', async () => {
    const emitter = new Emitter<{ word: [string]; error: [Error] }>();
    expect(emitter).toBeInstanceOf(EventEmitter);
    const nodes: EventEmitter = emitter;
    for (const name of Object.getOwnPropertyNames(EventEmitter.prototype)) {
      if (typeof EventEmitter.prototype[name as 'on'] !== 'function' || name === 'constructor') continue;
      expect(Object.getOwnPropertyNames(Emitter.prototype)).toContain(name);
    }
    const heard: string[] = [];
    const hear = (word: string): void => void heard.push(word);
    nodes.addListener('word', hear);
    emitter.prependListener('word', (word) => heard.push(`first ${word}`));
    emitter.prependOnceListener('word', (word) => heard.push(`once ${word}`));
    const next = once(nodes, 'word');
    emitter.emit('word', 'a');
    expect(await next).toEqual(['a']);
    expect(heard).toEqual(['once a', 'first a', 'a']);
    expect(emitter.listeners('word')).toHaveLength(2);
    expect(emitter.rawListeners('word')).toContain(hear);
    expect(emitter.listenerCount('word', hear)).toBe(1);
    expect(emitter.eventNames()).toEqual(['word']);
    // Of one that was added twice, one goes.
    emitter.on('word', hear).removeListener('word', hear);
    expect(emitter.listenerCount('word', hear)).toBe(1);
    emitter.once('error', () => {});
    emitter.removeAllListeners('word');
    expect(emitter.eventNames()).toEqual(['error']);
    emitter.removeAllListeners();
    expect(emitter.eventNames()).toEqual([]);
    expect(emitter.setMaxListeners(1).getMaxListeners()).toBe(Infinity);
  });

  it('a listener that is called once can be removed by itself', () => {
    const emitter = new Emitter<{ word: [string] }>();
    const heard: string[] = [];
    const hear = (word: string): void => void heard.push(word);
    emitter.once('word', hear).off('word', hear);
    expect(emitter.emit('word', 'a')).toBe(false);
    expect(heard).toEqual([]);
  });

  it('an error nobody listens to is not thrown', () => {
    expect(new Emitter<{ error: [Error] }>().emit('error', new Error('x'))).toBe(false);
  });
});
