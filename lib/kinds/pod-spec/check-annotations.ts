/** Faults of annotations that mean something to pods. */
import { fieldForbidden, invalid, type FieldError } from '#lib/meta/errors.ts';
import { goQuote } from '#lib/meta/go-text.ts';
import { relativePath } from '../checks/values.ts';
import type { PodSpec } from '../gen/core-v1.ts';
import { ioOfContainer, ioOfPod, IoLimitsError, parseIoLimits } from './io-limits.ts';

type Annotations = Readonly<Record<string, string>>;

/** A node says with it that it runs a pod of its own, which the API only mirrors. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror';
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost';
const seccompOfPod = 'seccomp.security.alpha.kubernetes.io/pod';
const seccompOfContainer = 'container.seccomp.security.alpha.kubernetes.io/';
const appArmorOfContainer = 'container.apparmor.security.beta.kubernetes.io/';

/** What a pod's or a template's annotations say wrong about its spec. */
export function checkPodAnnotations(path: string, annotations: Annotations | undefined, spec: PodSpec): FieldError[] {
  const faults: FieldError[] = [];
  for (const [key, value] of Object.entries(annotations ?? {})) {
    const at = `${path}[${key}]`;
    if (key === mirrorAnnotation && !spec.nodeName) {
      faults.push(invalid(at, value, 'must set spec.nodeName if mirror pod annotation is set'));
    } else if (key === deletionCost && !isCost(value)) faults.push(invalid(at, value, 'must be a 32bit integer'));
    else if (key === seccompOfPod || key.startsWith(seccompOfContainer)) {
      faults.push(...checkSeccomp(`${path}.${key}`, value));
    } else if (key.startsWith(appArmorOfContainer)) {
      faults.push(...checkAppArmor(at, key.slice(appArmorOfContainer.length), value, spec));
    } else if (key === ioOfPod) faults.push(...checkIo(at, value));
    else if (key.startsWith(ioOfContainer)) {
      faults.push(...checkContainer(at, key.slice(ioOfContainer.length), spec), ...checkIo(at, value));
    }
  }
  return faults;
}

function isCost(value: string): boolean {
  return value === '0' || (/^-?[1-9]\d{0,9}$/.test(value) && Number(value) === (Number(value) | 0));
}

function checkSeccomp(path: string, profile: string): FieldError[] {
  if (['runtime/default', 'docker/default', 'unconfined'].includes(profile)) return [];
  return profile.startsWith('localhost/')
    ? relativePath(path, profile.slice('localhost/'.length))
    : [invalid(path, profile, 'must be a valid seccomp profile')];
}

function checkAppArmor(path: string, container: string, profile: string, spec: PodSpec): FieldError[] {
  const faults = checkContainer(path, container, spec);
  const isProfile = ['', 'runtime/default', 'unconfined'].includes(profile) || profile.startsWith('localhost/');
  return isProfile ? faults : [...faults, invalid(path, profile, `invalid AppArmor profile name: ${goQuote(profile)}`)];
}

function checkContainer(path: string, container: string, spec: PodSpec): FieldError[] {
  const all = [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];
  return all.some(({ name }) => name === container) ? [] : [invalid(path, container, 'container not found')];
}

function checkIo(path: string, text: string): FieldError[] {
  try {
    parseIoLimits(text);
    return [];
  } catch (error) {
    if (error instanceof IoLimitsError) return [invalid(path, text, error.message)];
    throw error;
  }
}

/** What may not change once the pod is there. */
export function checkAnnotationUpdate(path: string, now: Annotations = {}, before: Annotations = {}): FieldError[] {
  const titles = [
    [mirrorAnnotation, 'mirror pod annotation'],
    [appArmorOfContainer, 'AppArmor annotations'],
    [ioOfPod, 'limits of input and output'],
    [ioOfContainer, 'limits of input and output'],
  ] as const;
  const titleOf = (key: string) => titles.find(([start]) => key.startsWith(start))?.[1];
  const faults: FieldError[] = [];
  for (const [verb, some, others] of [
    ['remove or update', before, now],
    ['add', now, before],
  ] as const) {
    for (const [key, value] of Object.entries(some)) {
      const title = titleOf(key);
      const isKept = verb === 'add' ? Object.hasOwn(others, key) : others[key] === value;
      if (title && !isKept) faults.push(fieldForbidden(`${path}[${key}]`, `may not ${verb} ${title}`));
    }
  }
  return faults;
}
