/** Level restricted: today's practice of hardening pods. Each check as upstream's of the same id. */
import type { PodSpec, Volume } from '#lib/kinds/gen/core-v1.ts';
import { badSetters, profileTypes } from './baseline.ts';
import type { Check } from './check.ts';
import { containers, containersOf, distinct, namesWhere, plural, quoted, setters, use } from './words.ts';

/** From this minor version on, pods for Windows need not set what only Linux knows. */
const windowsSince = 25;

const plainVolumes: ReadonlySet<string> = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

function isForWindows({ os }: PodSpec, minor: number): boolean {
  return minor >= windowsSince && os?.name === 'windows';
}

const allowPrivilegeEscalation: Check = {
  id: 'allowPrivilegeEscalation',
  since: 8,
  find({ spec }, minor) {
    if (isForWindows(spec, minor)) return undefined;
    const names = namesWhere(spec, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
    if (names.length === 0) return undefined;
    return {
      reason: 'allowPrivilegeEscalation != false',
      detail: `${containers(names)} must set securityContext.allowPrivilegeEscalation=false`,
    };
  },
};

const capabilities: Check = {
  id: 'capabilities_restricted',
  since: 22,
  replaces: 'capabilities_baseline',
  find({ spec }, minor) {
    if (isForWindows(spec, minor)) return undefined;
    const all = containersOf(spec).map(({ name, securityContext }) => ({ name, ...securityContext?.capabilities }));
    const keeping = all.filter(({ drop = [] }) => !drop.includes('ALL')).map(({ name }) => name);
    const extra = (add: readonly string[] = []) => add.filter((name) => name !== 'NET_BIND_SERVICE');
    const adding = all.filter(({ add }) => extra(add).length > 0);
    const names = adding.map(({ name }) => name);
    const added = distinct(adding.flatMap(({ add }) => extra(add)));
    const details = [
      ...(keeping.length > 0 ? [`${containers(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
      ...(names.length > 0
        ? [`${containers(names)} must not include ${quoted(added)} in securityContext.capabilities.add`]
        : []),
    ];
    return details.length > 0 ? { reason: 'unrestricted capabilities', detail: details.join('; ') } : undefined;
  },
};

const restrictedVolumes: Check = {
  id: 'restrictedVolumes',
  since: 0,
  replaces: 'hostPathVolumes',
  find({ spec }) {
    const bad = (spec.volumes ?? []).filter((volume) => !plainVolumes.has(sourceOf(volume)));
    if (bad.length === 0) return undefined;
    const types = distinct(bad.map(sourceOf));
    const names = bad.map(({ name }) => name);
    return {
      reason: 'restricted volume types',
      detail: `${plural('volume', names)} ${quoted(names)} ${use(names)} ${plural('restricted volume type', types)} ${quoted(types)}`,
    };
  },
};

function sourceOf(volume: Volume): string {
  return Object.entries(volume).find(([key, source]) => key !== 'name' && source !== undefined)?.[0] ?? 'unknown';
}

const runAsNonRoot: Check = {
  id: 'runAsNonRoot',
  since: 0,
  find({ spec }) {
    const ofPod = spec.securityContext?.runAsNonRoot;
    const asRoot = namesWhere(spec, ({ securityContext }) => securityContext?.runAsNonRoot === false);
    const reason = 'runAsNonRoot != true';
    const who = setters(ofPod === false, asRoot);
    if (who.length > 0) {
      return { reason, detail: `${who.join(' and ')} must not set securityContext.runAsNonRoot=false` };
    }
    const silent = namesWhere(spec, ({ securityContext }) => (securityContext?.runAsNonRoot ?? ofPod) !== true);
    if (silent.length === 0) return undefined;
    return { reason, detail: `pod or ${containers(silent)} must set securityContext.runAsNonRoot=true` };
  },
};

const runAsUser: Check = {
  id: 'runAsUser',
  since: 23,
  find({ spec }) {
    const asRoot = namesWhere(spec, ({ securityContext }) => securityContext?.runAsUser === 0);
    const who = setters(spec.securityContext?.runAsUser === 0, asRoot);
    return who.length > 0
      ? { reason: 'runAsUser=0', detail: `${who.join(' and ')} must not set runAsUser=0` }
      : undefined;
  },
};

const seccompProfile: Check = {
  id: 'seccompProfile_restricted',
  since: 19,
  replaces: 'seccompProfile_baseline',
  find({ spec }, minor) {
    if (isForWindows(spec, minor)) return undefined;
    const reason = 'seccompProfile';
    const { who, values } = badSetters(
      spec,
      ({ seccompProfile: profile }) => profile?.type,
      (type) => profileTypes.includes(type),
    );
    if (who.length > 0) {
      const detail = `${who.join(' and ')} must not set securityContext.seccompProfile.type to ${quoted(values)}`;
      return { reason, detail };
    }
    const ofPod = spec.securityContext?.seccompProfile;
    const silent = namesWhere(spec, ({ securityContext }) => !(securityContext?.seccompProfile ?? ofPod));
    if (silent.length === 0) return undefined;
    return {
      reason,
      detail: `pod or ${containers(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
    };
  },
};

/** In the order of their ids. */
export const restrictedChecks: readonly Check[] = [
  allowPrivilegeEscalation,
  capabilities,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seccompProfile,
];
