import assert from 'node:assert/strict';
import { parseCdiSpec } from './parse.ts';

suite('node-agent/devices/cdi/parse', () => {
  const spec = (more: object = {}, edits: object = { env: ['A=b'] }) => ({
    cdiVersion: '0.8.0',
    kind: 'vendor.com/gpu',
    devices: [{ name: 'gpu0', containerEdits: edits }],
    ...more,
  });
  const parse = (value: object) => parseCdiSpec(JSON.stringify(value), 'json');
  const nothing = { env: [], deviceNodes: [], mounts: [], hooks: [], additionalGids: [], intelRdt: undefined };

  test('parseCdiSpec() reads YAML as upstream does: numbers in octal, names in whatever case, null for nothing', () => {
    const { kind, edits, devices } = parseCdiSpec(
      `
cdiVersion: "0.7.0"
kind: vendor.com/gpu
annotations: {made.by: hand}
containerEdits:
  additionalGIDs: [44, 0]
  env: null
devices:
- name: "0:1"
  containerEdits:
    deviceNodes:
    - {path: /dev/gpu, hostPath: /dev/null, type: c, fileMode: 0640, permissions: r, uid: 7}
    hooks:
    - {hookName: createContainer, path: /bin/hook, args: [hook, link], timeout: 5}
`,
      'yaml',
    );
    assert.deepEqual([kind, edits], ['vendor.com/gpu', { ...nothing, additionalGids: [44, 0] }]);
    const { deviceNodes, hooks } = devices.get('0:1')!;
    const node = { path: '/dev/gpu', hostPath: '/dev/null', type: 'c', fileMode: 0o640, permissions: 'r', uid: 7 };
    assert.deepEqual(deviceNodes, [{ ...node, major: undefined, minor: undefined, gid: undefined }]);
    const hook = { hookName: 'createContainer', path: '/bin/hook', args: ['hook', 'link'], env: [], timeout: 5 };
    assert.deepEqual(hooks, [hook]);
  });

  test('parseCdiSpec() takes versions 0.3.0 to 0.8.0, that know all of what is said', () => {
    for (const cdiVersion of ['0.3.0', 'v0.4.0', '0.8.0']) parse(spec({ cdiVersion }));
    for (const cdiVersion of ['0.2.0', '1.0.0', '0.8', undefined]) {
      assert.throws(() => parse(spec({ cdiVersion, news: 1 })), /^Error: cdiVersion: .* is none of 0.3.0 to 0.8.0$/);
    }
    const needs = (least: string, more: object, edits?: object) => {
      const before = `0.${Number(least.split('.')[1]) - 1}.0`;
      const message = `cdiVersion: the spec version must be at least v${least}`;
      assert.throws(() => parse(spec({ ...more, cdiVersion: before }, edits)), { message });
      parse(spec({ ...more, cdiVersion: least }, edits));
    };
    needs('0.4.0', {}, { mounts: [{ hostPath: '/a', containerPath: '/b', type: 'bind' }] });
    needs('0.5.0', {}, { deviceNodes: [{ path: '/dev/a', hostPath: '/dev/b' }] });
    needs('0.5.0', { devices: [{ name: '0', containerEdits: { env: ['A=b'] } }] });
    needs('0.6.0', { kind: 'vendor.com/gpu.large' });
    needs('0.6.0', { annotations: { a: 'b' } });
    needs('0.7.0', { containerEdits: { additionalGids: [1] } });
    needs('0.7.0', {}, { intelRdt: { closID: 'a' } });
  });

  test('parseCdiSpec() says what is wrong', () => {
    const one = { name: 'a', containerEdits: { env: ['A=b'] } };
    const node = (more: object) => ({ deviceNodes: [{ path: '/dev/a', ...more }] });
    const at = 'devices[0].containerEdits';
    const wrong: [object, string][] = [
      [spec({ news: 1 }), 'unknown field "news"'],
      [spec({ kind: 'gpu' }), 'kind: "gpu" is not of the form vendor.com/class'],
      [spec({ kind: 'vendor.com/a/b' }), 'kind: "vendor.com/a/b" is not of the form vendor.com/class'],
      [spec({ kind: '1/gpu' }), 'kind: "1/gpu" is not of the form vendor.com/class'],
      [spec({ devices: [] }), 'devices: there are none'],
      [spec({ devices: {} }), 'devices: must be a list'],
      [spec({ devices: [one, one] }), 'devices: there are several named "a"'],
      [spec({ devices: [{ ...one, name: 'a/b' }] }), 'devices[0].name: invalid name "a/b"'],
      [spec({}, {}), 'devices: nothing is said of "gpu0"'],
      [spec({}, { netDevices: [] }), `${at}: unknown field "netDevices"`],
      [spec({}, { env: ['=b'] }), `${at}.env[0]: invalid environment variable "=b"`],
      [spec({}, { env: [1] }), `${at}.env[0]: must be a string`],
      [spec({}, node({ path: '' })), `${at}.deviceNodes[0].path: must not be empty`],
      [spec({}, node({ type: 'x' })), `${at}.deviceNodes[0].type: invalid type "x"`],
      [spec({}, node({ permissions: 'rx' })), `${at}.deviceNodes[0].permissions: invalid permissions "rx"`],
      [spec({}, node({ major: -1 })), `${at}.deviceNodes[0].major: must be a whole number from 0 to 9007199254740991`],
      [spec({}, node({ uid: 2 ** 32 })), `${at}.deviceNodes[0].uid: must be a whole number from 0 to 4294967295`],
      [spec({}, { mounts: [{ hostPath: '/a' }] }), `${at}.mounts[0].containerPath: must not be empty`],
      [spec({}, { hooks: [{ hookName: 'later', path: '/a' }] }), `${at}.hooks[0].hookName: invalid hook name "later"`],
      [spec({}, { hooks: [{ hookName: 'poststop' }] }), `${at}.hooks[0].path: must not be empty`],
    ];
    for (const [value, message] of wrong) assert.throws(() => parse(value), { message });
    assert.throws(() => parseCdiSpec('', 'yaml'), { message: 'there is no specification in it' });
    assert.throws(() => parseCdiSpec('a: [', 'yaml'), /^Error: not YAML of one document, near character 4/);
    assert.throws(() => parseCdiSpec('cdiVersion: 0.8.0', 'json'), SyntaxError);
  });
});
