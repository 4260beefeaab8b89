/** The part of the Dockerfile language that needs nothing to run: decided from the text alone. Rules: Docker's Dockerfile reference. */
import type { ImageConfig } from './types.ts';

/** One COPY; paths as written, with variables replaced. */
export interface CopyStep {
  line: number;
  sources: string[];
  /** Absolute; ends with `/` when it must be a folder. */
  target: string;
  uid: number;
  gid: number;
  /** Undefined keeps each file's own. */
  mode: number | undefined;
}

/** What a Dockerfile asks for. */
export interface BuildPlan {
  /** A local image's name, or undefined for `scratch`. */
  from: string | undefined;
  steps: ({ do: 'copy'; copy: CopyStep } | { do: 'folder'; path: string })[];
  /** The base's config with what the Dockerfile says. */
  config: ImageConfig;
  /** `8080/tcp` and the like. */
  exposed: string[];
}

/** A Dockerfile that we cannot follow; says where. */
export class DockerfileError extends Error {
  override readonly name = 'DockerfileError';
  readonly line: number;

  constructor(line: number, message: string) {
    super(`Dockerfile line ${line}: ${message}`);
    this.line = line;
  }
}

interface Instruction {
  line: number;
  name: string;
  rest: string;
}

/** Reads a Dockerfile. `base` is asked for the config of the image in FROM, as later lines build on its ENV and WORKDIR. Throws DockerfileError. */
export function planBuild(text: string, base: (name: string | undefined) => ImageConfig): BuildPlan {
  const [first, ...rest] = instructions(text);
  if (!first || first.name !== 'FROM')
    throw new DockerfileError(first?.line ?? 1, 'the first instruction must be FROM');
  const [name, ...more] = first.rest.split(/\s+/);
  if (!name || (more.length > 0 && more[0]?.toLowerCase() !== 'as'))
    throw new DockerfileError(first.line, 'FROM takes one image');
  const from = name === 'scratch' ? undefined : name;
  const config = structuredClone(base(from));
  const steps: BuildPlan['steps'] = [];
  const exposed: string[] = [];
  let hasCommand = false;
  for (const { line, name, rest: literal } of rest) {
    // Within one instruction, variables are as they were before it.
    const env = [...config.env];
    const value = expand(literal, env);
    switch (name) {
      case 'COPY':
        steps.push({ do: 'copy', copy: copyStep(line, value, config.workingDir) });
        break;
      case 'ENV':
        for (const [key, content] of pairs(line, literal)) setEnv(config, key, expand(content, env));
        break;
      case 'LABEL':
        for (const [key, content] of pairs(line, literal)) config.labels[key] = expand(content, env);
        break;
      case 'WORKDIR':
        config.workingDir = join(config.workingDir, value);
        steps.push({ do: 'folder', path: config.workingDir });
        break;
      case 'CMD':
        config.cmd = command(line, literal);
        hasCommand = true;
        break;
      case 'ENTRYPOINT':
        config.entrypoint = command(line, literal);
        // A base's arguments mean nothing to another program.
        if (!hasCommand) config.cmd = [];
        break;
      case 'USER':
        config.user = value;
        break;
      case 'STOPSIGNAL':
        config.stopSignal = value;
        break;
      case 'VOLUME':
        config.volumes = [...new Set([...config.volumes, ...list(line, value)])];
        break;
      case 'EXPOSE':
        exposed.push(...value.split(/\s+/).map((port) => (port.includes('/') ? port : `${port}/tcp`)));
        break;
      default:
        throw new DockerfileError(line, `${name} is not supported; only what needs nothing to run is`);
    }
  }
  return { from, steps, exposed, config };
}

/** Logical lines: comments and blank lines dropped, continuations joined. */
function instructions(text: string): Instruction[] {
  const found: Instruction[] = [];
  let open: { line: number; text: string } | undefined;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const trimmed = raw.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const continues = trimmed.endsWith('\\');
    const part = continues ? trimmed.slice(0, -1).trimEnd() : trimmed;
    open = open ? { line: open.line, text: `${open.text} ${part}` } : { line: index + 1, text: part };
    if (continues) continue;
    found.push(instruction(open));
    open = undefined;
  }
  if (open) found.push(instruction(open));
  return found;
}

function instruction({ line, text }: { line: number; text: string }): Instruction {
  const [, name = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
  if (rest === '') throw new DockerfileError(line, `${name.toUpperCase()} needs arguments`);
  return { line, name: name.toUpperCase(), rest };
}

function copyStep(line: number, value: string, workingDir: string): CopyStep {
  const flags: Record<string, string> = {};
  let rest = value;
  for (let found = flag(rest); found; found = flag(rest)) {
    flags[found[1]!] = found[2] ?? '';
    rest = rest.slice(found[0].length);
  }
  const unknown = Object.keys(flags).find((name) => name !== 'chmod' && name !== 'chown');
  if (unknown !== undefined) throw new DockerfileError(line, `COPY --${unknown} is not supported`);
  const paths = list(line, rest);
  const target = paths.pop();
  if (target === undefined || paths.length === 0) throw new DockerfileError(line, 'COPY needs a source and a target');
  if (paths.length > 1 && !target.endsWith('/'))
    throw new DockerfileError(line, 'COPY of several sources needs a target that ends with /');
  if (paths.some((path) => path.startsWith('<<'))) throw new DockerfileError(line, 'here-documents are not supported');
  const [uid = '0', gid = uid] = (flags['chown'] ?? '0:0')
    .replace(/^root/, '0')
    .replace(/:root$/, ':0')
    .split(':');
  if (!/^\d+$/.test(uid) || !/^\d+$/.test(gid)) throw new DockerfileError(line, 'COPY --chown takes numbers only');
  const chmod = flags['chmod'];
  if (chmod !== undefined && !/^[0-7]{3,4}$/.test(chmod))
    throw new DockerfileError(line, 'COPY --chmod takes an octal number');
  return {
    line,
    sources: paths,
    target: join(workingDir, target) + (target.endsWith('/') || target === '.' ? '/' : ''),
    uid: Number(uid),
    gid: Number(gid),
    mode: chmod === undefined ? undefined : Number.parseInt(chmod, 8),
  };
}

function flag(text: string): RegExpExecArray | null {
  return /^--([a-z]+)(?:=(\S+))?\s+/.exec(text);
}

/** Exec form, or shell form for /bin/sh. */
function command(line: number, value: string): string[] {
  return value.startsWith('[') ? jsonList(line, value) : ['/bin/sh', '-c', value];
}

function list(line: number, value: string): string[] {
  return value.startsWith('[') ? jsonList(line, value) : value.split(/\s+/).filter(Boolean);
}

function jsonList(line: number, value: string): string[] {
  try {
    const parsed: unknown = JSON.parse(value);
    if (Array.isArray(parsed) && parsed.every((item) => typeof item === 'string')) return parsed;
  } catch {
    // Said below.
  }
  throw new DockerfileError(line, `${value} is not a JSON list of strings`);
}

/** `KEY=value KEY2="two words"`, or the old `KEY the rest`. */
function pairs(line: number, value: string): [string, string][] {
  if (!/^[^\s=]+=/.test(value)) {
    const [, key, content] = /^(\S+)\s+(.*)$/s.exec(value) ?? [];
    if (key === undefined || content === undefined) throw new DockerfileError(line, `${value} has no value`);
    return [[key, content]];
  }
  const found: [string, string][] = [];
  let at = 0;
  const pattern = /([^\s=]+)=("(?:[^"\\]|\\.)*"|'[^']*'|(?:[^\s\\]|\\.)*)\s*/gy;
  for (const match of value.matchAll(pattern)) {
    found.push([match[1]!, match[2]!]);
    at = match.index + match[0].length;
  }
  if (at !== value.length) throw new DockerfileError(line, `cannot read ${value.slice(at)}`);
  return found;
}

function setEnv(config: ImageConfig, key: string, value: string): void {
  const others = config.env.filter((entry) => !entry.startsWith(`${key}=`));
  config.env = [...others, `${key}=${value}`];
}

/** Variables, quotes and backslashes resolved; single quotes keep everything as it is. */
function expand(text: string, env: readonly string[]): string {
  if (/^'[^']*'$/.test(text)) return text.slice(1, -1);
  const isQuoted = /^"(?:[^"\\]|\\.)*"$/s.test(text);
  const values = new Map(env.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
  return (isQuoted ? text.slice(1, -1) : text).replaceAll(
    /\\(.)|\$(?:\{(\w+)\}|(\w+))/gs,
    (_whole, escaped?: string, braced?: string, plain?: string) => escaped ?? values.get(braced ?? plain ?? '') ?? '',
  );
}

/** Joined and normal: absolute, without `.` and `..`, without a `/` at the end. */
function join(folder: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${folder}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}
