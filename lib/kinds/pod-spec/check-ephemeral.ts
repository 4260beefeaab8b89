/** Faults of ephemeral containers, which are added to a pod that runs already. */
import { equal } from '#lib/meta/equal.ts';
import { duplicate, fieldForbidden, fieldNotFound, type FieldError } from '#lib/meta/errors.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import { goDiff } from '../checks/go-diff.ts';
import type { EphemeralContainer, Pod, PodSpec } from '../gen/core-v1.ts';
import { mirrorAnnotation } from './check-annotations.ts';
import { checkContainer, checkPodImage } from './check-containers.ts';
import type { Volumes } from './check-mounts.ts';

/** What only containers of the pod's own life may have. */
const ofTheLiving = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const;
const cannot = 'cannot be set for an Ephemeral Container';

export function checkEphemeralContainers(path: string, spec: PodSpec, volumes: Volumes): FieldError[] {
  if (!spec.ephemeralContainers?.length) return [];
  const others = [...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name);
  const names = new Set(others);
  return spec.ephemeralContainers.flatMap((container, i) => {
    const at = `${path}[${i}]`;
    const faults = checkContainer(at, container, spec, volumes);
    faults.push(...checkPodImage(`${at}.image`, container.image ?? ''));
    if (names.has(container.name)) faults.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    const target = container.targetContainerName;
    if (target && !others.includes(target)) faults.push(fieldNotFound(`${at}.targetContainerName`, target));
    for (const name of ofTheLiving) {
      const isGiven =
        name === 'ports' || name === 'resources' ? isFull(container[name]) : container[name] !== undefined;
      if (isGiven) faults.push(fieldForbidden(`${at}.${name}`, cannot));
    }
    for (const [j, mount] of (container.volumeMounts ?? []).entries()) {
      for (const name of ['subPath', 'subPathExpr'] as const) {
        if (mount[name]) faults.push(fieldForbidden(`${at}.volumeMounts[${j}].${name}`, cannot));
      }
    }
    return faults;
  });
}

/** Whether a list or struct says anything. */
function isFull(value: object | undefined): boolean {
  return Object.keys(value ?? {}).length > 0;
}

const containerType = 'io.k8s.api.core.v1.EphemeralContainer';

/** Faults of a write to `pods/ephemeralcontainers`: containers may only be added. */
export function checkEphemeralUpdate(now: Pod, before: Pod): FieldError[] {
  if (before.metadata.annotations?.[mirrorAnnotation] !== undefined) {
    return [fieldForbidden('[]', 'static pods do not support ephemeral containers')];
  }
  const path = 'spec.ephemeralContainers';
  const next = new Map((now.spec.ephemeralContainers ?? []).map((container) => [container.name, container]));
  return (before.spec.ephemeralContainers ?? []).flatMap((old) => {
    const kept: EphemeralContainer | undefined = next.get(old.name);
    const which = `existing ephemeral containers ${goQuote(old.name)}`;
    if (!kept) return [fieldForbidden(path, `${which} may not be removed\n`)];
    if (equal(kept, old)) return [];
    return [fieldForbidden(path, `${which} may not be changed\n${goDiff(containerType, old, kept)}`)];
  });
}
