/**
 * What each field of a security context comes to, all the way from the pod to the runtime: one golden file, which reviewers read. Which fields and values there are is
 * asked of the schema, so that a new one is missing here until somebody has said what it does.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { PodSecurityContext, PodSpec, SecurityContext } from '#lib/kinds/gen/core-v1.ts';
import { pod as podKind } from '#lib/kinds/pod.ts';
import { schemaType } from '#lib/kinds/schema.ts';
import type { SchemaField } from '#lib/kinds/schema.ts';
import { refusalOf } from '../../lifecycle/admit.ts';
import { containerSpec } from '../../lifecycle/container-spec.ts';
import { ConfigError } from '../../lifecycle/env.ts';
import { makeContainer, makePod } from '../../lifecycle/pods.fixture.ts';
import { sandboxSpec } from '../../lifecycle/sandbox-spec.ts';
import { giveToGroup } from '../../volumes/ownership.ts';
import { StartError } from '../types.ts';
import { grantsOf } from './grants.ts';
import { defaultSeccomp } from './seccomp-default.ts';
import { renderSpec } from './spec.ts';
import type { OciSpec } from './oci-types.ts';
import { settingsOf } from './sysctls.ts';

interface Case {
  pod?: PodSecurityContext;
  container?: SecurityContext;
  /** What else the pod is, for the case to say something. */
  beside?: { pod?: PodSecurityContext; container?: SecurityContext; spec?: Partial<PodSpec>; imageUser?: string };
}

const golden = path.join(import.meta.dirname, 'golden', 'security-contexts.txt');
const linux = { spec: { os: { name: 'linux' } } };
const plainUser = { imageUser: 'app' };

const cases: Case[] = [
  { pod: { runAsUser: 1000 } },
  { pod: { runAsUser: 2000 } },
  { pod: { runAsGroup: 7 } },
  { pod: { runAsNonRoot: true } },
  { pod: { runAsNonRoot: true }, beside: { imageUser: '1000' } },
  { pod: { runAsNonRoot: true }, beside: { imageUser: '0:5' } },
  { pod: { runAsNonRoot: true }, beside: plainUser },
  { pod: { runAsNonRoot: true }, beside: { pod: { runAsUser: 0 } } },
  { pod: { runAsNonRoot: false }, beside: { imageUser: 'root' } },
  { pod: { supplementalGroups: [7, 5] } },
  { pod: { supplementalGroupsPolicy: 'Merge' }, beside: plainUser },
  { pod: { supplementalGroupsPolicy: 'Strict' }, beside: plainUser },
  { pod: { fsGroup: 7 } },
  { pod: { fsGroupChangePolicy: 'Always' }, beside: { pod: { fsGroup: 7 } } },
  { pod: { fsGroupChangePolicy: 'OnRootMismatch' }, beside: { pod: { fsGroup: 7 } } },
  { pod: { seLinuxOptions: { user: 'u', role: 'r', type: 't', level: 's0' } } },
  { pod: { seLinuxChangePolicy: 'Recursive' } },
  { pod: { seccompProfile: { type: 'RuntimeDefault' } } },
  { pod: { seccompProfile: { type: 'Unconfined' } } },
  { pod: { seccompProfile: { type: 'Localhost', localhostProfile: 'a/b.json' } } },
  { pod: { seccompProfile: { type: 'Localhost' } } },
  { pod: { appArmorProfile: { type: 'RuntimeDefault' } } },
  { pod: { appArmorProfile: { type: 'Unconfined' } } },
  { pod: { appArmorProfile: { type: 'Localhost', localhostProfile: 'ours' } } },
  { pod: { sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }] } },
  { pod: { sysctls: [{ name: 'kernel/shm_rmid_forced', value: '1' }] } },
  { pod: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } },
  { pod: { sysctls: [{ name: 'vm.swappiness', value: '1' }] } },
  { pod: { sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }] }, beside: { spec: { hostNetwork: true } } },
  {
    pod: {
      windowsOptions: {
        gmsaCredentialSpec: '{}',
        gmsaCredentialSpecName: 'spec',
        runAsUserName: 'me',
        hostProcess: false,
      },
    },
  },
  { pod: { windowsOptions: { hostProcess: true } } },
  { pod: { windowsOptions: { runAsUserName: 'me' } }, beside: linux },
  { container: { runAsUser: 1000 }, beside: { pod: { runAsUser: 5 } } },
  { container: { runAsUser: 0 }, beside: { pod: { runAsUser: 5 } } },
  { container: { runAsGroup: 7 }, beside: { pod: { runAsGroup: 5 } } },
  { container: { runAsNonRoot: true } },
  { container: { runAsNonRoot: false }, beside: { pod: { runAsNonRoot: true } } },
  { container: { capabilities: { add: ['NET_ADMIN', 'CAP_SYS_TIME'] } } },
  { container: { capabilities: { drop: ['KILL', 'cap_chown'] } } },
  { container: { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } } },
  { container: { capabilities: { add: ['ALL'], drop: ['SYS_ADMIN'] } } },
  { container: { capabilities: { add: ['SYS_MODULE'] } } },
  { container: { capabilities: { add: ['FLYING'] } } },
  { container: { privileged: true } },
  { container: { privileged: true, capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } } },
  { container: { privileged: true, allowPrivilegeEscalation: false } },
  { container: { privileged: false } },
  { container: { allowPrivilegeEscalation: true } },
  { container: { allowPrivilegeEscalation: false } },
  { container: { readOnlyRootFilesystem: true } },
  { container: { readOnlyRootFilesystem: false } },
  { container: { procMount: 'Default' } },
  { container: { procMount: 'Unmasked' }, beside: { spec: { hostUsers: false } } },
  { container: { procMount: 'Unmasked' } },
  { container: { seLinuxOptions: { user: 'u', role: 'r', type: 't', level: 's0' } } },
  {
    container: { seccompProfile: { type: 'RuntimeDefault' } },
    beside: { pod: { seccompProfile: { type: 'Unconfined' } } },
  },
  { container: { seccompProfile: { type: 'Unconfined' } } },
  { container: { seccompProfile: { type: 'Localhost', localhostProfile: 'a/b.json' } } },
  { container: { appArmorProfile: { type: 'RuntimeDefault' } } },
  {
    container: { appArmorProfile: { type: 'Unconfined' } },
    beside: { pod: { appArmorProfile: { type: 'RuntimeDefault' } } },
  },
  { container: { appArmorProfile: { type: 'Localhost', localhostProfile: 'ours' } } },
  {
    container: {
      windowsOptions: {
        gmsaCredentialSpec: '{}',
        gmsaCredentialSpecName: 'spec',
        runAsUserName: 'me',
        hostProcess: false,
      },
    },
  },
  { container: { windowsOptions: { hostProcess: true } } },
  { container: { windowsOptions: { runAsUserName: 'me' } }, beside: linux },
];

suite('security contexts', () => {
  test('every field, and each value that the schema names, has a case', () => {
    const wanted = [
      ...leavesOf('pod', 'io.k8s.api.core.v1.PodSecurityContext'),
      ...leavesOf('container', 'io.k8s.api.core.v1.SecurityContext'),
    ];
    assert.ok(wanted.length > 50, 'the schema has been read');
    const told = new Set(
      cases.flatMap(({ pod, container }) => [...valuesOf('pod', pod), ...valuesOf('container', container)]),
    );
    assert.deepEqual(
      wanted.filter((leaf) => !told.has(leaf)),
      [],
    );
  });

  test('a case comes to what its golden says', async () => {
    const parts: string[] = [];
    for (const each of cases)
      parts.push(`${titleOf(each)}\n${(await outcomeOf(each)).map((line) => `  ${line}\n`).join('')}`);
    assert.equal(parts.join('\n'), readFileSync(golden, 'utf8'));
  });
});

/** `pod.runAsUser`, or `pod.fsGroupChangePolicy=Always` where a few values are all there are. */
function leavesOf(at: string, type: string): string[] {
  return Object.entries(schemaType(type).props ?? {}).flatMap(([name, field]) => leavesOfField(`${at}.${name}`, field));
}

function leavesOfField(at: string, field: SchemaField): string[] {
  if (field.$ref) return leavesOf(at, field.$ref);
  if (field.items) return leavesOfField(at, field.items);
  if (field.enum) return field.enum.map((value) => `${at}=${value}`);
  return field.type === 'boolean' ? [`${at}=true`, `${at}=false`] : [at];
}

/** Each leaf of an object, with its value and without. */
function valuesOf(at: string, value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuesOf(at, item));
  if (typeof value !== 'object' || value === null) return [at, `${at}=${String(value)}`];
  return Object.entries(value).flatMap(([name, each]) => valuesOf(`${at}.${name}`, each));
}

function titleOf({ pod, container, beside }: Case): string {
  const text = (value: object) => JSON.stringify(value).replaceAll('"', '');
  const { imageUser, ...rest } = beside ?? {};
  return [
    ...(pod ? [`pod ${text(pod)}`] : []),
    ...(container ? [`container ${text(container)}`] : []),
    ...(Object.keys(rest).length > 0 ? [`beside ${text(rest)}`] : []),
    ...(imageUser ? [`image user ${imageUser}`] : []),
  ].join(', ');
}

const accounts = {
  passwd: 'root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/:/bin/sh\n',
  group: 'root:x:0:\napp:x:1001:\nstaff:x:50:app\n',
};
const host = {
  capabilities:
    'CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_ADMIN NET_RAW SYS_CHROOT SYS_ADMIN SYS_TIME MKNOD AUDIT_WRITE SETFCAP'
      .split(' ')
      .map((name) => `CAP_${name}`),
  seccomp: true,
};
const facts = {
  nodeName: 'n1',
  clusterDns: '10.96.0.10',
  clusterDomain: 'cluster.local',
  hostDns: { nameservers: [], searches: [], options: [] },
  hostHosts: '',
};

async function outcomeOf({ pod, container, beside = {} }: Case): Promise<string[]> {
  const before = await comesTo(beside);
  const contexts = { pod: { ...beside.pod, ...pod }, container: { ...beside.container, ...container } };
  const after = await comesTo({ ...beside, ...contexts });
  if (Array.isArray(after)) return after;
  if (Array.isArray(before)) return [`lifts "${before.join('; ')}"`];
  const changes = changesBetween(before, after);
  return changes.length > 0 ? changes : ['changes nothing'];
}

type Effects = ReturnType<typeof readable> & { sysctls: string[]; volume: string[] };

/** All that such a pod's container is given; or why it is refused, and by whom. */
async function comesTo(beside: NonNullable<Case['beside']>): Promise<Effects | string[]> {
  const main = makeContainer('app', { ...(beside.container && { securityContext: beside.container }) });
  const pod = makePod({
    dnsPolicy: 'Default',
    terminationGracePeriodSeconds: 30,
    restartPolicy: 'Always',
    containers: [{ ...main, imagePullPolicy: 'Always', terminationMessagePolicy: 'File' }],
    ...beside.spec,
    ...(beside.pod && { securityContext: beside.pod }),
  });
  const faults = podKind.check!(pod, undefined);
  if (faults.length > 0) return faults.map(({ field, message }) => `API: ${field}: ${message}`);
  const refusal = refusalOf(pod, [], { allocatable: {}, labels: {} });
  if (refusal) return [`node: ${refusal.reason}: ${refusal.message}`];
  try {
    const sandbox = sandboxSpec(pod, facts);
    const spec = containerSpec({
      pod,
      spec: pod.spec.containers[0]!,
      attempt: 0,
      image: imageOf(beside.imageUser ?? ''),
      env: new Map(),
      mounts: [],
      logPath: '/l',
      memoryRules: { memoryBytes: 2 ** 32 },
      seccompDir: '/seccomp',
    });
    const { user, capabilities, seccomp } = grantsOf(spec, accounts, host, undefined);
    const filter = defaultSeccomp(capabilities, 'x64');
    const { privileged } = spec.security;
    const rendered = renderSpec({
      pod: sandbox,
      container: spec,
      user,
      capabilities,
      // What the profile holds is judged in its own file; its name stands for it.
      seccomp: seccomp === undefined ? undefined : { ...filter, defaultAction: seccomp, syscalls: [] },
      seccompProgram: undefined,
      host: { cgroup: 'v2', swapAccounting: true, leastOomScoreAdj: 0 },
      dialect: { version: 'v2', hugePageBytes: [], keepsMemory: false },
      io: { devices: [] },
      hostDevices: privileged
        ? [{ path: '/dev/kmsg', type: 'c', major: 1, minor: 11, fileMode: 0o644, uid: 0, gid: 0 }]
        : [],
      givenDevices: [],
      cgroup: '/c',
      rootfs: '/rootfs',
      paths: { pins: '/pins', shm: '/pins/shm', etc: '/etc' },
      terminationFile: '/t',
    });
    return { ...readable(rendered), sysctls: settingsOf(sandbox), volume: await volumeOf(beside.pod ?? {}) };
  } catch (error) {
    if (error instanceof ConfigError) return [`container: CreateContainerConfigError: ${error.message}`];
    if (error instanceof StartError) return [`container: ${error.reason}: ${error.message}`];
    if (error instanceof Error && error.message.startsWith('Cannot set up')) return [`sandbox: ${error.message}`];
    throw error;
  }
}

/** The specification with what reviewers would read thrice said once, and long lists on a line. */
function readable({ process, linux, ...rest }: OciSpec) {
  const { bounding, effective, permitted, inheritable, ambient } = process.capabilities;
  assert.deepEqual([effective, permitted, inheritable, ambient], [bounding, bounding, [], []]);
  const { maskedPaths, readonlyPaths, seccomp, ...more } = linux;
  return {
    ...rest,
    process: { ...process, capabilities: bounding },
    linux: {
      ...more,
      ...(maskedPaths && { maskedPaths: maskedPaths.join(' ') }),
      ...(readonlyPaths && { readonlyPaths: readonlyPaths.join(' ') }),
      ...(seccomp && { seccomp: seccomp.defaultAction }),
    },
  };
}

function imageOf(user: string) {
  const config = {
    entrypoint: ['run'],
    cmd: [],
    env: [],
    workingDir: '',
    user,
    stopSignal: '',
    labels: {},
    volumes: [],
  };
  return { name: 'app:1', id: 'sha256:app', layers: [], config };
}

/** What becomes of a volume that another pod had: its folder is the group's already, and a file in it is not. */
async function volumeOf({ fsGroup, fsGroupChangePolicy = 'Always' }: PodSecurityContext): Promise<string[]> {
  if (fsGroup === undefined) return [];
  const folder = mkdtempSync(path.join(os.tmpdir(), 'wherry-groups-'));
  try {
    writeFileSync(`${folder}/file`, '');
    chmodSync(`${folder}/file`, 0o600);
    chmodSync(folder, 0o2770);
    chownSync(folder, 0, fsGroup);
    await giveToGroup(folder, fsGroup, fsGroupChangePolicy);
    const { gid, mode } = statSync(`${folder}/file`);
    return [`file of group ${gid} with mode ${(mode & 0o7777).toString(8)}`];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `path: before -> after` for values, `path: +item` and `path: -item` for lists. */
function changesBetween(before: object, after: object): string[] {
  const [a, b] = [flat('', before), flat('', after)];
  return [...new Set([...a.keys(), ...b.keys()])].toSorted().flatMap((key) => {
    const [x, y] = [a.get(key), b.get(key)];
    if (x === y) return [];
    if (x === undefined) return [`${key}: +${y}`];
    return [y === undefined ? `${key}: -${x}` : `${key}: ${x} -> ${y}`];
  });
}

/** Leaves by their paths; an item of a list is one by itself, under its name if it has one. */
function flat(at: string, value: unknown): Map<string, string> {
  if (typeof value !== 'object' || value === null) return new Map([[at, String(value)]]);
  const dot = at === '' ? '' : `${at}.`;
  if (!Array.isArray(value))
    return new Map(Object.entries(value).flatMap(([name, each]) => [...flat(dot + name, each)]));
  return new Map(
    value.flatMap((item: unknown): [string, string][] => {
      if (typeof item !== 'object' || item === null) return [[`${at}[${String(item)}]`, String(item)]];
      const { destination, path: file, type, ...rest } = item as Record<string, unknown>;
      const name = [destination ?? file ?? type ?? 'all'].map(String)[0]!;
      return [[`${at}[${name}]`, JSON.stringify(rest)]];
    }),
  );
}
