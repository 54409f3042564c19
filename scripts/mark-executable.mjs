// npm marks a package's commands as executable when it installs it; this does so for the checkout itself.
import { chmodSync } from 'node:fs';

chmodSync('dist/cli/main.js', 0o755);
