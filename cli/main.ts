/** The `wherry` command. */
import os from 'node:os';
import { makeRealEnv } from '#lib/env/real.ts';
import { main } from './commands.ts';

const user = { home: os.homedir(), kubeconfig: process.env.KUBECONFIG };
process.exitCode = await main(process.argv.slice(2), user, makeRealEnv({ service: 'wherry', level: 'error' }));
