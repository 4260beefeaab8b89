/** What one check of the Pod Security Standards is. */
import type { PodSpec } from '#lib/kinds/gen/core-v1.ts';
import type { ObjectMeta } from '#lib/meta/object.ts';

/** The pod, or the pod that a template describes. */
export interface Subject {
  annotations: ObjectMeta['annotations'];
  spec: PodSpec;
}

export interface Violation {
  reason: string;
  detail: string;
}

export interface Check {
  id: string;
  /** The first minor version it belongs to. */
  since: number;
  /** Checks of the baseline that it makes needless. */
  replaces?: string;
  find(pod: Subject, minor: number): Violation | undefined;
}
