/** What a namespace's labels ask of its pods: a level and a version of the Pod Security Standards for each mode. */
import { invalid } from '#lib/meta/errors.ts';
import type { FieldError } from '#lib/meta/errors.ts';

const levels = ['privileged', 'baseline', 'restricted'] as const;

export type Level = (typeof levels)[number];

/** A level as of a minor version of Kubernetes, Infinity for the latest. */
export interface Standard {
  level: Level;
  minor: number;
}

export interface Policy {
  enforce: Standard;
  audit: Standard;
  warn: Standard;
  /** Labels that cannot be read. */
  faults: FieldError[];
}

type Labels = Readonly<Record<string, string>>;

const prefix = 'pod-security.kubernetes.io/';
const latest: Standard = { level: 'privileged', minor: Infinity };
const unrestricted: Policy = { enforce: latest, audit: latest, warn: latest, faults: [] };

/** The policy of a namespace. What cannot be read is held against pods when enforced, and else ignored. */
export function policyOf(labels: Labels | undefined, defaults: Policy = unrestricted): Policy {
  if (!labels || !Object.keys(labels).some((key) => key.startsWith(prefix))) return defaults;
  const faults: FieldError[] = [];
  const enforce = standardOf(labels, 'enforce', defaults.enforce, 'restricted', faults);
  const isGood = faults.every(({ field }) => field !== `metadata.labels[${prefix}enforce]`);
  const audit = standardOf(labels, 'audit', defaults.audit, 'privileged', faults);
  const warn = standardOf(labels, 'warn', defaults.warn, 'privileged', faults);
  // Who enforces more than is warned of anyway is warned of it, too, in what makes pods.
  const warnsAsEnforced = labels[`${prefix}warn`] === undefined && labels[`${prefix}enforce`] !== undefined && isGood;
  if (warnsAsEnforced && levels.indexOf(enforce.level) > levels.indexOf(warn.level)) {
    warn.level = enforce.level;
    if (labels[`${prefix}warn-version`] === undefined) warn.minor = enforce.minor;
  }
  return { enforce, audit, warn, faults };
}

/** `restricted:latest`, `baseline:v1.24`. */
export function standardText({ level, minor }: Standard): string {
  return `${level}:${minor === Infinity ? 'latest' : `v1.${minor}`}`;
}

export function isSame(a: Standard, b: Standard): boolean {
  return a.level === b.level && a.minor === b.minor;
}

/** Whether `a` asks for no more than `b`, both of one version. */
export function isRelaxed(a: Standard, b: Standard): boolean {
  return a.minor === b.minor && levels.indexOf(a.level) <= levels.indexOf(b.level);
}

function standardOf(labels: Labels, mode: string, unset: Standard, onFault: Level, faults: FieldError[]): Standard {
  const read = <T>(key: string, otherwise: T, failed: T, parse: (text: string) => T | undefined, detail: string): T => {
    const text = labels[key];
    if (text === undefined) return otherwise;
    const value = parse(text);
    if (value === undefined) faults.push(invalid(`metadata.labels[${key}]`, text, detail));
    return value ?? failed;
  };
  const level = read<Level>(
    `${prefix}${mode}`,
    unset.level,
    onFault,
    (text) => levels.find((name) => name === text),
    `must be one of ${levels.join(', ')}`,
  );
  const minor = read(`${prefix}${mode}-version`, unset.minor, Infinity, minorOf, 'must be "latest" or "v1.x"');
  return { level, minor };
}

function minorOf(text: string): number | undefined {
  if (text === 'latest') return Infinity;
  const digits = /^v1\.(0|[1-9]\d{0,8})$/.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
