import { expect, it } from 'vitest';
import { pythonLength } from './python-length.js';

it.each([
  ['{"v":1}', '{"v": 1}'],
  ['{"a":[1,2.5,null,true]}', '{"a": [1, 2.5, null, true]}'],
  ['"a,b:\\"c,"', '"a,b:\\"c,"'],
  ['"\\\\",1', '"\\\\", 1'],
  ['"ü🙂"', '"\\u00fc\\ud83d\\ude42"'],
  ['[]', '[]'],
])('%s is as long as %s', (json, python) => {
  expect(pythonLength(json)).toBe(python.length);
});
