/** The life of a pod on its node, as a table: which steps each stage may take and which stages may follow it. */
import type { Step } from './types.ts';

export const stages = {
  /** Refused by the node: nothing is ever made for it. */
  rejected: { steps: ['report'], to: ['releasing', 'finished', 'deleting', 'gone'] },
  /** Whether the node takes it is for device plug-ins to say: nothing is made for it before. */
  admitting: { steps: ['allocate'], to: ['mounting', 'rejected', 'reporting', 'releasing', 'gone'] },
  mounting: { steps: ['mount', 'wait'], to: ['preparing', 'initialising', 'running', 'stopping', 'reporting'] },
  /** Making the sandbox, or making it anew after a crash or a reboot broke it. */
  preparing: {
    steps: ['prepare', 'stop', 'wait'],
    to: ['mounting', 'initialising', 'running', 'stopping', 'reporting'],
  },
  initialising: {
    steps: ['hold', 'pull', 'start', 'resize', 'stop', 'discard', 'last-words', 'wait'],
    to: ['mounting', 'preparing', 'running', 'stopping', 'reporting'],
  },
  running: {
    steps: ['hold', 'pull', 'start', 'resize', 'stop', 'discard', 'last-words', 'wait'],
    to: ['mounting', 'preparing', 'initialising', 'stopping', 'reporting'],
  },
  stopping: { steps: ['stop'], to: ['reporting', 'releasing', 'gone'] },
  /** Everything stands still; the API must know how it ended before the runtime's record goes. */
  reporting: { steps: ['last-words', 'report', 'wait'], to: ['stopping', 'releasing', 'finished', 'deleting', 'gone'] },
  releasing: { steps: ['release', 'wait'], to: ['stopping', 'finished', 'deleting', 'gone'] },
  /** Succeeded or failed; only its object and its logs are left. */
  finished: { steps: ['wait'], to: ['deleting', 'gone', 'releasing'] },
  deleting: { steps: ['delete', 'wait'], to: ['gone', 'releasing', 'stopping'] },
  gone: { steps: ['forget'], to: [] },
} as const satisfies Record<string, { steps: readonly Step['do'][]; to: readonly string[] }>;

export type Stage = keyof typeof stages;
