import { runService } from '#lib/env/service.ts';
import { start } from './start.ts';

await runService('proxy', start);
