/** Runs the API server as a process of its own. */
import { runService } from '#lib/env/service.ts';
import { start } from './start.ts';

await runService('apiserver', start);
