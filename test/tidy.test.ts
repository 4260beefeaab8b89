/** Rules of the house that no type checker knows. There is no list of exceptions: what breaks a rule is changed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '');
const text = new Map(files.map((file) => [file, readFileSync(path.join(root, file), 'utf8')]));
const isTest = (file: string) => file.endsWith('.test.ts') || file.startsWith('test/');
const isGenerated = (file: string) => file.includes('/gen/');
const sources = files.filter((file) => !isTest(file));

interface Import {
  to: string;
  /** Imported names; '*' for all of them. */
  names: string[];
  typeOnly: boolean;
}

const imports = new Map(files.map((file) => [file, importsOf(file)]));

function importsOf(file: string): Import[] {
  const source = text.get(file)!.replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const found: Import[] = [];
  for (const [, type, clause, target] of source.matchAll(
    /^(?:import|export)\s+(type\s+)?([^'";]*?)\s*from\s+'([^']+)'/gms,
  )) {
    found.push({ to: resolve(file, target!), names: namesIn(clause!), typeOnly: type !== undefined });
  }
  for (const [, target] of source.matchAll(/(?:^import\s+|\bimport\()\s*'([^']+)'/gm)) {
    found.push({ to: resolve(file, target!), names: ['*'], typeOnly: false });
  }
  return found;
}

function namesIn(clause: string): string[] {
  if (clause.includes('*')) return ['*'];
  const inner = /\{([\s\S]*)\}/.exec(clause)?.[1] ?? '';
  return inner
    .split(',')
    .map(
      (name) =>
        name
          .trim()
          .replace(/^type\s+/, '')
          .split(/\s+as\s+/)[0]!,
    )
    .filter((name) => name !== '');
}

function resolve(from: string, target: string): string {
  if (target.startsWith('#')) return target.slice(1);
  if (target.startsWith('.')) return path.posix.join(path.posix.dirname(from), target);
  return target;
}

const services = ['apiserver', 'scheduler', 'controller-manager', 'node-agent', 'proxy'];
/** Folder -> the folders it may import, besides itself. */
const libraries = ['lib/env', 'lib/meta', 'lib/cel', 'lib/metrics', 'lib/pki', 'protos'];
const mayImport: Record<string, string[]> = {
  protos: [],
  'lib/env': [],
  'lib/meta': [],
  'lib/cel': ['lib/meta'],
  'lib/metrics': ['lib/env'],
  'lib/pki': [],
  'lib/kinds': libraries,
  'lib/client': [...libraries, 'lib/kinds'],
  'lib/control': [...libraries, 'lib/kinds', 'lib/client'],
  ...Object.fromEntries(services.map((service) => [service, [...libraries, 'lib/kinds', 'lib/client', 'lib/control']])),
  cli: [...libraries, 'lib/kinds', 'lib/client', 'lib/control', ...services],
  deploy: [],
};
const roomOf = (file: string) =>
  file.startsWith('lib/') ? file.split('/').slice(0, 2).join('/') : file.split('/')[0]!;

suite('tidy', () => {
  test('imports follow the direction of dependencies', () => {
    const wrong = sources.flatMap((file) =>
      imports
        .get(file)!
        .filter(
          ({ to }) => text.has(to) && roomOf(to) !== roomOf(file) && !mayImport[roomOf(file)]?.includes(roomOf(to)),
        )
        .map(({ to }) => `${file} imports ${to}`),
    );
    assert.deepEqual(wrong, []);
  });

  test('tests import their own room and what it may import, or cross rooms from test/', () => {
    const wrong = files
      .filter((file) => file.endsWith('.test.ts') && !file.startsWith('test/'))
      .flatMap((file) =>
        imports
          .get(file)!
          .filter(
            ({ to }) =>
              text.has(to) && ![roomOf(file), 'test', ...(mayImport[roomOf(file)] ?? [])].includes(roomOf(to)),
          )
          .map(({ to }) => `${file} imports ${to}`),
      );
    assert.deepEqual(wrong, []);
  });

  test('imported files exist', () => {
    const wrong = files.flatMap((file) =>
      imports
        .get(file)!
        .filter(
          ({ to }) =>
            /^(lib|protos|test|cli|deploy)\/|^(apiserver|scheduler|controller-manager|node-agent|proxy)\//.test(to) &&
            !text.has(to) &&
            to.endsWith('.ts'),
        )
        .map(({ to }) => `${file} imports ${to}`),
    );
    assert.deepEqual(wrong, []);
  });

  test('no file imports itself by way of others', () => {
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (file: string, trail: string[]) => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        cycles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '));
        return;
      }
      state.set(file, 'open');
      for (const { to, typeOnly } of imports.get(file)!) if (text.has(to) && !typeOnly) visit(to, [...trail, file]);
      state.set(file, 'done');
    };
    for (const file of files) visit(file, []);
    assert.deepEqual(cycles, []);
  });

  test('files that decide are pure', () => {
    const decides = (file: string) =>
      /(^|\/)(decide|next-step|place|explain|render|status)\.ts$/.test(file) &&
      !file.startsWith('cli/') &&
      !file.startsWith('apiserver/');
    const pureRooms = (file: string) => file.startsWith('lib/meta/') || /^scheduler\/(filters|scores)\//.test(file);
    const wrong = sources
      .filter((file) => decides(file) || pureRooms(file))
      .flatMap((file) => [
        ...imports
          .get(file)!
          .filter(({ to }) => to.startsWith('node:'))
          .map(({ to }) => `${file} imports ${to}`),
        ...imports
          .get(file)!
          .filter(({ to }) => to.startsWith('lib/env/'))
          .map(({ to }) => `${file} imports ${to}`),
        ...(/\bawait\b/.test(withoutText(text.get(file)!)) ? [`${file} awaits`] : []),
      ]);
    assert.deepEqual(wrong, []);
  });

  test('clock, chance, timers and the process environment are touched in lib/env and main.ts alone', () => {
    const forbidden = /\b(Date\.now|Math\.random|setTimeout|setInterval|process\.env)\b|\bnew Date\(\)/;
    const wrong = sources
      .filter((file) => !file.startsWith('lib/env/') && path.basename(file) !== 'main.ts')
      .flatMap((file) => {
        const found = forbidden.exec(withoutText(text.get(file)!));
        return found ? [`${file}: ${found[0]}`] : [];
      });
    assert.deepEqual(wrong, []);
  });

  test('there are no enums and no namespaces', () => {
    const wrong = sources.filter((file) =>
      /^\s*(export\s+)?(declare\s+)?(const\s+)?(enum|namespace)\s+\w/m.test(withoutText(text.get(file)!)),
    );
    assert.deepEqual(wrong, []);
  });

  test('every file is imported by another, or started by name', () => {
    const imported = new Set(files.flatMap((file) => imports.get(file)!.map(({ to }) => to)));
    const startedIn = (file: string) => /import\.meta\.main|runService\(/.test(text.get(file)!);
    const named = [
      readFileSync(path.join(root, 'package.json'), 'utf8'),
      readFileSync(path.join(root, 'bin/wherry'), 'utf8'),
      ...text.values(),
    ].join('\n');
    const wrong = sources.filter((file) => !imported.has(file) && !startedIn(file) && !isNamed(file, named));
    assert.deepEqual(wrong, []);
  });

  // Types may be exported for the signatures they stand in; values are exported because somebody calls them.
  test('every exported function, constant and class is imported by another file', () => {
    const used = new Map<string, Set<string>>();
    for (const file of files) {
      for (const { to, names } of imports.get(file)!)
        for (const name of names) used.set(to, (used.get(to) ?? new Set()).add(name));
    }
    const wrong = sources
      .filter((file) => !isGenerated(file) && path.basename(file) !== 'main.ts')
      .flatMap((file) => {
        const names = [
          ...text
            .get(file)!
            .matchAll(/^export\s+(?:async\s+)?(?:abstract\s+)?(?:function\*?|const|let|class)\s+(\w+)/gm),
        ].map((match) => match[1]!);
        const known = used.get(file) ?? new Set();
        if (known.has('*')) return [];
        return names.filter((name) => !known.has(name)).map((name) => `${file}: ${name}`);
      });
    assert.deepEqual(wrong, []);
  });

  test('every defined kind is listed', () => {
    const listed = new Set(imports.get('lib/kinds/index.ts')!.map(({ to }) => to));
    const wrong = sources.filter(
      (file) =>
        /^lib\/kinds\/[\w-]+\.ts$/.test(file) && /=\s*defineKind[<(]/.test(text.get(file)!) && !listed.has(file),
    );
    assert.deepEqual(wrong, []);
  });

  test('no kind is named by hand outside its definition', () => {
    const wrong = sources.filter(
      (file) => !file.startsWith('lib/kinds/') && !isGenerated(file) && /plural:\s*'[a-z]+'/.test(text.get(file)!),
    );
    assert.deepEqual(wrong, []);
  });
});

/** Whether package.json, the launcher or a source text starts this file by its name. */
function isNamed(file: string, named: string): boolean {
  return (
    named.includes(file) ||
    named.includes(`program('${path.basename(file, '.ts')}')`) ||
    named.includes(`/${file.split('/').slice(-2).join('/')}'`)
  );
}

/** The source without comments, strings and regular expressions' usual contents. */
function withoutText(source: string): string {
  return source
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/(^|[^:'"`])\/\/.*$/gm, '$1')
    .replaceAll(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''");
}
