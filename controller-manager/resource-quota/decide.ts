/** Keeps a ResourceQuota's status: what is allowed, and how much of it is taken. */
import type { Action } from '#lib/control/types.ts';
import type { Kind } from '#lib/kinds/define-kind.ts';
import type { ResourceQuota, ResourceQuotaStatus } from '#lib/kinds/gen/core-v1.ts';
import { amountText, isInScope, usageOf } from '#lib/kinds/quota-usage.ts';
import { resourceQuota } from '#lib/kinds/resource-quota.ts';
import { equal } from '#lib/meta/equal.ts';
import type { Resource } from '#lib/meta/object.ts';

export interface Seen {
  quota: ResourceQuota;
  /** All objects of the quota's namespace. */
  contents: { kind: Kind; objects: readonly Resource[] }[];
  /** How long the quota is still to be left alone; 0 when it is time to count. */
  restMs: number;
}

export function decide({ quota, contents, restMs }: Seen): Action[] {
  if (quota.metadata.deletionTimestamp !== undefined) return [];
  if (restMs > 0) return [{ do: 'wake', afterMs: restMs }];
  const hard = quota.spec?.hard ?? {};
  const totals = new Map(Object.keys(hard).map((name) => [name, 0n]));
  for (const { kind, objects } of contents) {
    for (const object of objects) {
      if (!isInScope(quota, kind, object)) continue;
      for (const [name, amount] of usageOf(kind, object)) {
        const total = totals.get(name);
        if (total !== undefined) totals.set(name, total + amount);
      }
    }
  }
  const used = Object.fromEntries([...totals].map(([name, amount]) => [name, amountText(name, amount)]));
  const status: ResourceQuotaStatus = totals.size > 0 ? { hard, used } : {};
  if (equal(status, quota.status)) return [];
  const object: ResourceQuota = { ...quota, status };
  return [{ do: 'status', kind: resourceQuota, object }];
}
