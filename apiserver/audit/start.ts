/** Puts the audit log together from its configuration. */
import { existsSync, readFileSync } from 'node:fs';
import type { Env } from '#lib/env/env.ts';
import { followFiles } from '#lib/env/live-file.ts';
import type { Registry } from '#lib/metrics/registry.ts';
import { makeAudit } from './audit.ts';
import type { Audit } from './audit.ts';
import { evaluator } from './evaluate.ts';
import { demandLog, openLog } from './log-file.ts';
import type { LogFileConfig } from './log-file.ts';
import { readPolicy } from './policy.ts';
import { makeSink } from './sink.ts';

export interface AuditConfig extends LogFileConfig {
  /** A Policy; taken over when it changes. While there is no such file, nothing is logged. */
  policyFile: string;
}

export interface RunningAudit extends Audit {
  close(): Promise<void>;
}

/** Throws when the policy has faults, or the log cannot be written. A later policy with faults is told of, and the one before holds. */
export function startAudit(config: AuditConfig, registry: Registry, env: Env): RunningAudit {
  const { policyFile } = config;
  const read = () => {
    if (!existsSync(policyFile)) return { text: undefined, evaluate: undefined };
    const text = readFileSync(policyFile, 'utf8');
    return { text, evaluate: evaluator(readPolicy(text)) };
  };
  if (read().evaluate) demandLog(config);
  const live = followFiles('audit policy', [policyFile], read, (a, b) => a.text === b.text, env);
  const sink = makeSink(openLog(config, env), registry, env);
  const policy = {
    get current() {
      return live.current.evaluate;
    },
  };
  return {
    ...makeAudit(policy, sink, registry, env),
    async close() {
      live.close();
      await sink.close();
    },
  };
}
