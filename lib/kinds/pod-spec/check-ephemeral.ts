/** Faults of ephemeral containers, which are added to a pod that runs already. */
import { equal } from '#lib/meta/equal.ts';
import { duplicate, fieldForbidden, type FieldError } from '#lib/meta/errors.ts';
import type { EphemeralContainer, Pod, PodSpec } from '../gen/core-v1.ts';
import { checkContainer } from './check-containers.ts';

/** What only containers of the pod's own life may have. */
const barred = [
  'ports',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resizePolicy',
  'restartPolicy',
] as const;

export function checkEphemeralContainers(path: string, spec: PodSpec): FieldError[] {
  const others = [...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name);
  const names = new Set(others);
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  return (spec.ephemeralContainers ?? []).flatMap((container, i) => {
    const at = `${path}[${i}]`;
    const faults = checkContainer(at, container, spec, volumes);
    if (names.has(container.name)) faults.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    const target = container.targetContainerName;
    if (target && !others.includes(target)) {
      faults.push({
        field: `${at}.targetContainerName`,
        reason: 'FieldValueNotFound',
        message: `Not found: ${JSON.stringify(target)}`,
      });
    }
    for (const name of barred) {
      if (isGiven(container[name]))
        faults.push(fieldForbidden(`${at}.${name}`, 'cannot be set for an Ephemeral Container'));
    }
    const { limits = {}, requests = {} } = container.resources ?? {};
    if (Object.keys({ ...limits, ...requests }).length > 0) {
      faults.push(fieldForbidden(`${at}.resources`, 'cannot be set for an Ephemeral Container'));
    }
    for (const [j, mount] of (container.volumeMounts ?? []).entries()) {
      for (const name of ['subPath', 'subPathExpr'] as const) {
        if (mount[name])
          faults.push(fieldForbidden(`${at}.volumeMounts[${j}].${name}`, 'cannot be set for an Ephemeral Container'));
      }
    }
    return faults;
  });
}

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
}

/** Faults of a write to `pods/ephemeralcontainers`: containers may only be added. */
export function checkEphemeralUpdate(now: Pod, before: Pod): FieldError[] {
  const path = 'spec.ephemeralContainers';
  const faults = checkEphemeralContainers(path, now.spec);
  const next = new Map((now.spec.ephemeralContainers ?? []).map((container) => [container.name, container]));
  for (const old of before.spec.ephemeralContainers ?? []) {
    const kept: EphemeralContainer | undefined = next.get(old.name);
    if (!kept)
      faults.push(
        fieldForbidden(path, `existing ephemeral containers ${JSON.stringify(old.name)} may not be removed\n`),
      );
    else if (!equal(kept, old)) {
      faults.push(
        fieldForbidden(path, `existing ephemeral containers ${JSON.stringify(old.name)} may not be changed\n`),
      );
    }
  }
  return faults;
}
