/** Thread pool work that may be stuck: name lookups without a network, writes to a pipe that nobody reads. */
const ON_A_THREAD = new Set(['FSReqCallback', 'FSReqPromise', 'GetAddrInfoReqWrap', 'GetNameInfoReqWrap']);

/**
 * Ends the process immediately. `process.exit` waits for the thread pool, where a lookup may hang until the name
 * server answers; in that case this process is replaced by one that only exits with the code.
 */
export function endProcess(code: number): never {
  // `process.execve` is missing on Windows and in workers.
  const { execve } = process as { execve?: (file: string, args: readonly string[]) => never };
  if (execve && process.getActiveResourcesInfo().some((resource) => ON_A_THREAD.has(resource))) {
    execve.call(process, process.execPath, [process.execPath, '-e', `process.exit(${code})`]);
  }
  process.exit(code);
}
