/** One kubectl at work in a namespace of its own. */
import type { KubectlTool } from '../../harness/kubectl-tool.ts';
import type { Space } from '../server.ts';

export type KubectlRun = KubectlTool & Space;
