// Sentences of common words, each with a word of its own by which it can be found.
const WORDS =
  'the build failed because a token expired while database connections were waiting for review of login tests and nobody merged this branch until deployment finished with warnings about slow queries in payment service'.split(
    ' ',
  );

/** A word that is in this sentence alone. */
export const uniqueWord = (n) => `ticket${(n * 2654435761).toString(36)}x`;

export function sentence(n) {
  let state = (n + 1) * 2654435761;
  const words = Array.from({ length: 14 }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return WORDS[state % WORDS.length];
  });
  return `${words.join(' ')} ${uniqueWord(n)}`;
}
