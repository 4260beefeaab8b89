/** An operation of the API as either version of OpenAPI tells it, and the names by which generated clients know it. */
import type { Kind } from '#lib/kinds/define-kind.ts';

export type Method = 'get' | 'put' | 'post' | 'delete' | 'options' | 'head' | 'patch';

export interface Parameter {
  name: string;
  in: 'query' | 'path';
  type: 'string' | 'boolean' | 'integer';
  description: string;
}

export interface Operation {
  id: string;
  path: string;
  method: Method;
  /** `apps_v1` and the like, by which generators sort. */
  tag: string;
  description: string;
  /** As `x-kubernetes-action` says; absent, like `type`, where no resource is acted on. */
  action?: string;
  type?: { group: string; version: string; kind: string };
  /** In alphabetical order. */
  parameters: readonly Parameter[];
  /** Definition of the request's body. */
  body?: string;
  /** Definition of the answer; text when absent. */
  answer?: string;
  /** Status codes of success. */
  codes: readonly (keyof typeof codeWords)[];
  consumes: readonly string[];
  produces: readonly string[];
}

export const codeWords = { 200: 'OK', 201: 'Created', 202: 'Accepted' } as const;

/** The form of resources in requests and answers. */
export const resourceTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const watchTypes = [
  ...resourceTypes,
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
];
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
export const anyType = ['*/*'];

/** What patches, objects and watches of a kind are written in. */
export function typesOf(kind: Pick<Kind, 'custom' | 'jsonOnly'>): {
  patch: string[];
  resource: string[];
  watch: string[];
} {
  const isText = (type: string) => !kind.jsonOnly || !type.includes('protobuf');
  return {
    patch: patchTypes.filter((type) => !kind.custom || !type.includes('strategic')),
    resource: resourceTypes.filter(isText),
    watch: watchTypes.filter(isText),
  };
}

/** `/api/v1`, `/apis/apps/v1` */
export function versionPath(group: string, version: string): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** `core`, `apps`, `rbacAuthorization` */
export function groupWord(group: string): string {
  if (group === '') return 'core';
  return group.replace('.k8s.io', '').replaceAll(/\.(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** `apps_v1` */
export function tagOf({ group, version }: { group: string; version: string }): string {
  return `${groupWord(group)}_${version}`;
}

/** `AppsV1`, the middle of every operation's name. */
export function versionTitle({ group, version }: { group: string; version: string }): string {
  return capitalize(groupWord(group)) + capitalize(version);
}

export function capitalize(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
