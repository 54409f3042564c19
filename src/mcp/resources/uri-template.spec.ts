import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UriTemplate } from './uri-template.js';
import { canonicalUri } from './uri.js';

/** RFC 6570 for text values, written from its appendix A and nothing of the code under test. */
function expand(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{([+#./;?&]?)([^}]*)\}/g, (_all, operator: string, names: string) => {
    const isReserved = operator === '+' || operator === '#';
    const isNamed = [';', '?', '&'].includes(operator);
    const separator = { '.': '.', '/': '/', ';': ';', '?': '&', '&': '&' }[operator] ?? ',';
    const parts = names
      .split(',')
      .filter((name) => values[name] !== undefined)
      .map((name) => {
        const value = isReserved ? keepReserved(values[name]!) : strict(values[name]!);
        if (!isNamed) return value;
        return operator === ';' && value === '' ? name : `${name}=${value}`;
      });
    const first = operator === '+' ? '' : operator;
    return parts.length === 0 ? '' : first + parts.join(separator);
  });
}

const strict = (value: string) =>
  encodeURIComponent(value).replaceAll(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
const keepReserved = (value: string) => encodeURI(value).replaceAll('%5B', '[').replaceAll('%5D', ']');

const text = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1 }),
  fc.constantFrom('deploy:42@prod', 'a/b', '100%', 'a,b', 'ü', '😀', 'a b', '?x=1&y#z', '..', "it's (ok)!"),
);

describe('UriTemplate', () => {
  it.each([
    ['operation://{id}', ['id']],
    ['operation://{id}/events', ['id']],
    ['x://{a}/{b}', ['a', 'b']],
    ['x://{a,b}', ['a', 'b']],
    ['x:{/a,b}', ['a', 'b']],
    ['x://host{?a,b}', ['a', 'b']],
    ['x://host?fixed=1{&a,b}', ['a', 'b']],
    ['x://host/path{;a,b}', ['a', 'b']],
    ['x://{a}{?b}', ['a', 'b']],
  ])('reads what was expanded from %s', (template, names) => {
    const read = new UriTemplate(template);
    const values = fc.record(Object.fromEntries(names.map((name) => [name, text])));
    fc.assert(
      fc.property(values, (given: Readonly<Record<string, string>>) => {
        expect(read.match(expand(template, given))).toEqual(given);
      }),
    );
  });

  it.each([
    ['x://{+path}', { path: 'a/b?c' }],
    ['x://{+path}', { path: 'ü b' }],
    ['x://host{#part}', { part: 'a/b' }],
    ['x://file{.ext}', { ext: 'tar.gz' }],
    ['x://host{?a,b}', { b: 'only' }],
    ['x://host{?a}', {}],
  ])('reads %s with %j', (template, given) => {
    expect(new UriTemplate(template).match(expand(template, given))).toEqual(given);
  });

  it('takes a scheme in any case, and values as people write them', () => {
    const template = new UriTemplate('operation://{id}');
    expect(template.match('Operation://deploy:42@prod')).toEqual({ id: 'deploy:42@prod' });
    expect(template.match('operation://DEPLOY')).toEqual({ id: 'DEPLOY' });
  });

  it('decodes once, and matches nothing with an escape that is none', () => {
    const template = new UriTemplate('operation://{id}');
    expect(template.match('operation://a%2541')).toEqual({ id: 'a%41' });
    expect(template.match('operation://a%zz')).toBeUndefined();
    expect(template.match('operation://%ff')).toBeUndefined();
  });

  it('joins lists', () => {
    expect(new UriTemplate('x:{/path*}').match('x:/a/b%2Fc')).toEqual({ path: 'a,b/c' });
    expect(new UriTemplate('x://h{?tag*}').match('x://h?tag=a&tag=b&other=c')).toEqual({ tag: 'a,b' });
  });

  it.each(['x://{', 'x://{a', 'x://}', 'x://{}', 'x://{a b}', 'x://{!a}'])(
    '%s is not a template',
    (template) => {
      expect(() => new UriTemplate(template)).toThrow();
    },
  );

  it('is not slowed down by hostile URIs', () => {
    const template = new UriTemplate('x://{+a}/{b}/{c}{?d}');
    const began = process.cpuUsage();
    template.match(`x://${'/'.repeat(4000)}#`);
    expect(process.cpuUsage(began).user / 1000).toBeLessThan(500);
  });
});

it('all ways to write a URI have one form', () => {
  for (const uri of [
    'operation://deploy:42@prod',
    'Operation://deploy%3A42%40prod',
    'operation://deploy%3a42@prod',
  ]) {
    expect(canonicalUri(uri)).toBe('operation://deploy%3A42%40prod');
  }
  expect(canonicalUri('operation://a%2Fevents')).not.toBe(canonicalUri('operation://a/events'));
  expect(canonicalUri('operation://%zz')).toBe('operation://%zz');
});
