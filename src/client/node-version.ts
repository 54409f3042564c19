/** The oldest version that Opstream is tested on. */
const OLDEST = { major: 22, minor: 15 };

/**
 * The message for a Node that is too old, in one sentence. Imports nothing: it must be read before
 * anything that an older version cannot load.
 * @param version of Node; undefined in a browser
 */
export function nodeProblem(version: string | undefined = versionOfNode()): string | undefined {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  const isOldEnough = major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor);
  if (version === undefined || isOldEnough) return undefined;
  return `Opstream needs Node.js ${OLDEST.major}.${OLDEST.minor} or newer, and this is ${version}: install a current one from https://nodejs.org.`;
}

function versionOfNode(): string | undefined {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return process?.versions?.node;
}
