import assert from 'node:assert/strict';
import { catalogOf, changesFor } from './resolve.ts';

suite('node-agent/devices/cdi/resolve', () => {
  const file = (path: string, devices: Record<string, object>, containerEdits: object = {}) => ({
    path,
    text: JSON.stringify({
      cdiVersion: '0.8.0',
      kind: 'vendor.com/gpu',
      containerEdits,
      devices: Object.entries(devices).map(([name, edits]) => ({ name, containerEdits: edits })),
    }),
  });
  const says = (value: string) => ({ env: [`FROM=${value}`] });
  const from = (name: string, ...folders: Parameters<typeof catalogOf>[0]) =>
    changesFor([name], catalogOf(folders)).env.get('FROM');
  const unresolvable = (name: string) => ({
    name: 'CdiError',
    message: `CDI device injection failed: unresolvable CDI devices ${name}`,
  });

  test('catalogOf() lets the later folder win, and has nobody win within one', () => {
    const [a, b] = [file('/a.json', { x: says('a'), y: says('a') }), file('/b.json', { x: says('b') })];
    assert.equal(from('vendor.com/gpu=x', [a], [b]), 'b');
    assert.equal(from('vendor.com/gpu=y', [a], [b]), 'a');
    const { devices, faults } = catalogOf([[a, b]]);
    assert.deepEqual([...devices.keys()], ['vendor.com/gpu=y']);
    assert.deepEqual(faults, ['conflicting device "vendor.com/gpu=x" (specs "/b.json", "/a.json")']);
    assert.throws(() => from('vendor.com/gpu=x', [a, b], [b]), unresolvable('vendor.com/gpu=x'));
  });

  test('catalogOf() goes on past files that are wrong, and tells of them', () => {
    const wrong = { path: '/wrong.yaml', text: 'kind: a/b' };
    const { devices, faults } = catalogOf([[wrong, file('/a.json', { x: says('a') })]]);
    assert.deepEqual([...devices.keys()], ['vendor.com/gpu=x']);
    assert.deepEqual(faults, ['/wrong.yaml: cdiVersion: "" is none of 0.3.0 to 0.8.0']);
  });

  test('changesFor() names all that nobody has', () => {
    const names = ['vendor.com/gpu=x', 'vendor.com/gpu=z', 'nonsense'];
    const catalog = catalogOf([[file('/a.json', { x: says('a') })]]);
    assert.throws(() => changesFor(names, catalog), unresolvable('vendor.com/gpu=z, nonsense'));
  });

  test('changesFor() puts together what devices want, that of their file once and first, and the last one counts', () => {
    const catalog = catalogOf([
      [
        file(
          '/a.json',
          {
            x: {
              env: ['B=x', 'C=1=2'],
              deviceNodes: [{ path: '/dev/a' }, { path: '/dev/x', hostPath: '/dev/y', permissions: 'none', gid: 5 }],
              hooks: [{ hookName: 'poststop', path: '/p' }],
              additionalGids: [44, 0, 45],
            },
            y: {
              deviceNodes: [{ path: '/dev/a', type: 'u', major: 9, fileMode: 384, permissions: 'r', uid: 0 }],
              mounts: [{ hostPath: 'tmpfs', containerPath: '/m', type: 'tmpfs', options: ['size=1m'] }],
            },
          },
          {
            env: ['A=all', 'B=all'],
            mounts: [{ hostPath: '/h', containerPath: '/m', options: ['ro', 'bind'] }],
            hooks: [{ hookName: 'createRuntime', path: '/c', args: ['c'], env: ['D=1'], timeout: 3 }],
            additionalGids: [44],
          },
        ),
      ],
    ]);
    const { env, ...rest } = changesFor(['vendor.com/gpu=x', 'vendor.com/gpu=y'], catalog);
    assert.deepEqual(Object.fromEntries(env), { A: 'all', B: 'x', C: '1=2' });
    assert.deepEqual(rest, {
      devices: [
        {
          source: '/dev/a',
          target: '/dev/a',
          access: 'r',
          as: { type: 'c', major: 9, minor: 0, fileMode: 384, uid: 0 },
        },
        { source: '/dev/y', target: '/dev/x', access: '', as: { gid: 5 } },
      ],
      mounts: [
        {
          source: 'tmpfs',
          target: '/m',
          readOnly: false,
          propagation: 'private',
          as: { type: 'tmpfs', options: ['size=1m'] },
        },
      ],
      hooks: {
        createRuntime: [{ path: '/c', args: ['c'], env: ['D=1'], timeout: 3 }],
        poststop: [{ path: '/p' }],
      },
      groups: [44, 45],
    });
    const [mount] = changesFor(['vendor.com/gpu=x'], catalog).mounts;
    assert.deepEqual([mount?.readOnly, mount?.as], [true, { type: 'bind', options: ['ro', 'bind'] }]);
  });

  test('changesFor() refuses what nodes cannot do', () => {
    const catalog = catalogOf([[file('/a.json', { x: { intelRdt: { closID: 'a' } } })]]);
    assert.throws(() => changesFor(['vendor.com/gpu=x'], catalog), {
      message: 'CDI device injection failed: intelRdt of CDI devices vendor.com/gpu=x is not supported by this node',
    });
  });
});
