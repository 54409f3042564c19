import { describe, expect, it } from 'vitest';

interface Complaint {
  readonly line: number;
  readonly problem: string;
}

interface LanguageLint {
  readonly MAX_WORDS: number;
  readonly phrasesIn: (text: string) => readonly Complaint[];
  readonly longSentencesIn: (markdown: string) => readonly Complaint[];
}

describe('the language lint', async () => {
  const script = new URL('../../scripts/lint-language.mjs', import.meta.url).href;
  const { MAX_WORDS, phrasesIn, longSentencesIn } = (await import(script)) as LanguageLint;
  const words = (count: number): string => Array.from({ length: count }, () => 'word').join(' ');

  it.each([
    'Whoever asks is told',
    'It begins anew.',
    '* on the far side',
    '// see document 004',
    'as in S4-17 and X-02',
  ])('complains about %j', (text) => {
    expect(phrasesIn(`fine\n${text}`)).toEqual([{ line: 2, problem: expect.any(String) as string }]);
  });

  it('reads past code and ordinary English', () => {
    expect(phrasesIn('Set `whoever` to `S1-10`. A renewed manewver of the farsighted.')).toEqual([]);
  });

  it('complains about a sentence that is too long, at its paragraph', () => {
    const page = `# Title\n\nShort. It ends.\n\n- item\n- ${words(MAX_WORDS + 1)}.\n`;
    expect(longSentencesIn(page)).toEqual([
      { line: 6, problem: expect.stringContaining('31 words') as string },
    ]);
  });

  it('counts sentences apart, a link by its text, and neither code nor tables', () => {
    const page = [
      `${words(MAX_WORDS)}. ${words(MAX_WORDS)}!`,
      `[${words(5)}](https://example.com/a%20b) ${words(MAX_WORDS - 5)}`,
      `\`\`\`\n${words(99)}\n\`\`\``,
      `| ${words(99)} |\n| --- |`,
    ];
    expect(longSentencesIn(page.join('\n\n'))).toEqual([]);
  });
});
