import { Command } from 'commander';
import { OpstreamClientError } from '../../client/index.js';
import { restClient, withConnection, type ConnectionOptions } from '../connection-options.js';
import { followToEnd } from './watch.js';

interface ForgeWatchOptions extends ConnectionOptions {
  readonly json?: boolean;
}

export function forgeCommand(): Command {
  return new Command('forge').description('follow coding agents on Forge').addCommand(watchAttemptCommand());
}

function watchAttemptCommand(): Command {
  return withConnection(new Command('watch'))
    .description("follow an agent's run to its end: diffs, log lines, process states")
    .argument('<attempt-id>')
    .option('--json', 'one JSON event per line')
    .action(async (attemptId: string, options: ForgeWatchOptions) => {
      const { operation_id } = await restClient(options).watchForgeAttempt(attemptId).catch(explainForge);
      process.exitCode = await followToEnd(operation_id, { ...options, afterSeq: 0 });
    });
}

/** A service without `FORGE_URL` does not have this path at all. */
function explainForge(error: unknown): never {
  if (!(error instanceof OpstreamClientError) || error.code !== 'not_found') throw error;
  throw new OpstreamClientError('forge_unavailable', 'The service follows no Forge; start it with FORGE_URL');
}
