import assert from 'node:assert/strict';
import { conmonArguments, describeFailure, readReport } from './conmon.ts';

suite('conmon', () => {
  test('conmonArguments() keeps standard input open between clients unless once was asked for', () => {
    const base = {
      id: 'c0',
      name: 'n',
      bundle: '/b',
      crun: '/crun',
      crunRoot: '/r',
      exits: '/e',
      logPath: '/l',
      tty: false,
      ownUsers: false,
    };
    const withStdin = conmonArguments({ ...base, stdin: true, stdinOnce: false });
    assert.ok(withStdin.includes('--stdin') && withStdin.includes('--leave-stdin-open'));
    const once = conmonArguments({ ...base, stdin: true, stdinOnce: true });
    assert.ok(once.includes('--stdin') && !once.includes('--leave-stdin-open'));
    assert.ok(!conmonArguments({ ...base, stdin: false, stdinOnce: false }).includes('--stdin'));
  });

  test('conmonArguments() keeps the node’s /dev/null from crun for pods with users of their own', () => {
    const base = { id: 'c', name: 'n', bundle: '/b', crun: '/crun', crunRoot: '/r', exits: '/e', logPath: '/l' };
    const of = (tty: boolean, stdin: boolean, ownUsers = true) =>
      conmonArguments({ ...base, tty, stdin, stdinOnce: false, ownUsers }).filter((word) =>
        word.startsWith('--runtime'),
      );
    const rest = ['--runtime-arg=--root=/r', '--runtime-arg=--cgroup-manager=cgroupfs'];
    const shell = (script: string) => [
      '--runtime=/bin/sh',
      '--runtime-arg=-c',
      `--runtime-arg=${script}`,
      '--runtime-arg=sh',
      '--runtime-arg=/crun',
      ...rest,
    ];
    assert.deepEqual(of(false, false), shell('exec "$@" <<END\nEND\n'));
    assert.deepEqual(of(true, true), shell('exec "$@" >&2 <<END\nEND\n'));
    assert.deepEqual(of(false, true), ['--runtime=/crun', ...rest]);
    assert.deepEqual(of(false, false, false), ['--runtime=/crun', ...rest]);
  });

  test("readReport() reads the process id, or throws crun's complaint", () => {
    assert.equal(readReport('{"data": 77}\n', ['sh']), 77);
    assert.throws(
      () => readReport('{"data": -1, "message": "mount failed\\n"}', ['sh']),
      /container process: mount failed$/,
    );
    assert.throws(() => readReport('', ['sh']), /the runtime gave no reason/);
  });

  test("describeFailure() says in users' words what is wrong with a program", () => {
    const missing = describeFailure('executable file `x` not found in $PATH: No such file or directory', ['x']);
    assert.match(missing, /exec: "x": executable file not found in \$PATH$/);
    const unmapped = describeFailure('mount_setattr `/srv/share`: Invalid argument', ['x']);
    assert.match(unmapped, /: the file system of "\/srv\/share" cannot show other owners/);
  });
});
