/** Characters kept of one argument, and of all together; metadata is limited to 65,536. */
const MAX_ARGUMENT = 4000;
const MAX_COMMAND = 20_000;
/** Longer than any name of an option or a variable. */
const MAX_NAME = 100;

/**
 * An option, an assignment or a header whose value is a secret: `--token x`, `API_KEY=x`, `Authorization: Bearer x`.
 */
const SECRET_NAME =
  /^(?:-{1,2})?[\w.-]*(?:password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key|credentials?|authorization)[\w.-]*$/i;
const ASSIGNMENT = /^([^=:\s]+)([=:]\s*)(.+)$/s;
const URL_PASSWORD = /(:\/\/[^/\s:@]{0,200}:)[^/\s@]{1,500}@/g;
const CENSOR = '[REDACTED]';

/** A command line as the whole tenant may read it: recognizable secrets removed, long parts cut. */
export function recordedCommand(command: readonly string[]): string[] {
  const words: string[] = [];
  let room = MAX_COMMAND;
  for (const [index, word] of command.entries()) {
    if (room <= 0) {
      words.push(`… [${command.length - index} arguments left out]`);
      break;
    }
    const before = index > 0 ? command[index - 1]! : '';
    const isSecret = before.startsWith('-') && isSecretName(before);
    const shown = isSecret
      ? CENSOR
      : redacted(word.slice(0, MAX_ARGUMENT)) + leftOut(word.length - MAX_ARGUMENT);
    words.push(shown);
    room -= shown.length + 1;
  }
  return words;
}

function redacted(word: string): string {
  const [, name = '', sign = ''] = ASSIGNMENT.exec(word) ?? [];
  if (isSecretName(name)) return `${name}${sign}${CENSOR}`;
  return word.replaceAll(URL_PASSWORD, `$1${CENSOR}@`);
}

function isSecretName(name: string): boolean {
  return name.length <= MAX_NAME && SECRET_NAME.test(name);
}

function leftOut(characters: number): string {
  return characters > 0 ? `… [${characters} characters left out]` : '';
}
