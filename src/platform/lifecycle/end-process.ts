/** Work of the thread pool that may be stuck: name lookups without a network, writes that nobody reads. */
const ON_A_THREAD = new Set(['FSReqCallback', 'FSReqPromise', 'GetAddrInfoReqWrap', 'GetNameInfoReqWrap']);

/**
 * Ends the process now. `process.exit` waits for the threads of the pool, and one may be stuck for as long as a name
 * server does not answer; then this process is replaced by one that only has the exit code.
 */
export function endProcess(code: number): never {
  // `process.execve` is missing on Windows and in workers.
  const { execve } = process as { execve?: (file: string, args: readonly string[]) => never };
  if (execve && process.getActiveResourcesInfo().some((resource) => ON_A_THREAD.has(resource))) {
    execve.call(process, process.execPath, [process.execPath, '-e', `process.exit(${code})`]);
  }
  process.exit(code);
}
