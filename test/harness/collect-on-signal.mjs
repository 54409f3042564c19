// Loaded into a service whose memory a test looks at: on SIGUSR2 it collects garbage, so that what is left is held.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
process.on('SIGUSR2', () => collect());
