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
    };
    const withStdin = conmonArguments({ ...base, stdin: true, stdinOnce: false });
    assert.ok(withStdin.includes('--stdin') && withStdin.includes('--leave-stdin-open'));
    const once = conmonArguments({ ...base, stdin: true, stdinOnce: true });
    assert.ok(once.includes('--stdin') && !once.includes('--leave-stdin-open'));
    assert.ok(!conmonArguments({ ...base, stdin: false, stdinOnce: false }).includes('--stdin'));
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
  });
});
