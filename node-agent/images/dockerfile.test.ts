import assert from 'node:assert/strict';
import { planBuild } from './dockerfile.ts';
import type { ImageConfig } from './types.ts';

const empty: ImageConfig = {
  entrypoint: [],
  cmd: [],
  env: [],
  workingDir: '',
  user: '',
  stopSignal: '',
  labels: {},
  volumes: [],
};
const plan = (text: string, base: Partial<ImageConfig> = {}) => planBuild(text, () => ({ ...empty, ...base }));
const configOf = (text: string, base: Partial<ImageConfig> = {}) => plan(text, base).config;

suite('dockerfile', () => {
  test('planBuild() reads comments, continuations and any case', () => {
    const { from, steps } = plan('# a comment\nfrom scratch\n\ncopy a \\\n  # inside\n  b /target/\n');
    assert.equal(from, undefined);
    assert.deepEqual(steps, [
      { do: 'copy', copy: { line: 4, sources: ['a', 'b'], target: '/target/', uid: 0, gid: 0, mode: undefined } },
    ]);
  });

  test('planBuild() resolves targets against WORKDIR', () => {
    const { steps } = plan('FROM x\nWORKDIR /srv\nWORKDIR app\nCOPY a .\nCOPY ["b c", "d"]\nCOPY e ../f/\n');
    assert.deepEqual(
      steps.map((step) => (step.do === 'folder' ? step.path : step.copy.target)),
      ['/srv', '/srv/app', '/srv/app/', '/srv/app/d', '/srv/f/'],
    );
  });

  test('planBuild() replaces variables with what ENV said before', () => {
    const config = configOf(
      'FROM x\nENV A=1 B="two words" C=it\\ is\nENV D $A-${B}\nENV A=2 E=$A\nLABEL l=$B m=\\$A n=$none o=\'$A\'\nUSER ${C}',
    );
    assert.deepEqual(config.env, ['B=two words', 'C=it is', 'D=1-two words', 'A=2', 'E=1']);
    assert.deepEqual(config.labels, { l: 'two words', m: '$A', n: '', o: '$A' });
    assert.equal(config.user, 'it is');
  });

  test('planBuild() keeps the base’s command until ENTRYPOINT replaces what it is for', () => {
    const base = { cmd: ['old'], entrypoint: ['start'] };
    assert.deepEqual(configOf('FROM x\nENV A=1', base).cmd, ['old']);
    assert.deepEqual(configOf('FROM x\nENTRYPOINT ["new"]', base).cmd, []);
    assert.deepEqual(configOf('FROM x\nCMD a b\nENTRYPOINT ["new"]', base).cmd, ['/bin/sh', '-c', 'a b']);
  });

  test('planBuild() collects ports, volumes and the stop signal', () => {
    const text = 'FROM x\nEXPOSE 80 81/udp\nVOLUME ["/a", "/b"]\nVOLUME /c\nSTOPSIGNAL SIGINT';
    assert.deepEqual(plan(text).exposed, ['80/tcp', '81/udp']);
    assert.deepEqual(configOf(text).volumes, ['/a', '/b', '/c']);
    assert.equal(configOf(text).stopSignal, 'SIGINT');
  });

  for (const [text, message] of [
    ['', 'Dockerfile line 1: the first instruction must be FROM'],
    ['\nCOPY a b', 'Dockerfile line 2: the first instruction must be FROM'],
    ['FROM x\nRUN make', 'Dockerfile line 2: RUN is not supported; only what needs nothing to run is'],
    ['FROM x\n\nCOPY --from=a b c', 'Dockerfile line 3: COPY --from is not supported'],
    ['FROM x\nCOPY a', 'Dockerfile line 2: COPY needs a source and a target'],
    ['FROM x\nCOPY a b c', 'Dockerfile line 2: COPY of several sources needs a target that ends with /'],
    ['FROM x\nCOPY --chown=app a b', 'Dockerfile line 2: COPY --chown takes numbers only'],
    ['FROM x\nCOPY --chmod=u+x a b', 'Dockerfile line 2: COPY --chmod takes an octal number'],
    ['FROM x\nCMD [broken', 'Dockerfile line 2: [broken is not a JSON list of strings'],
    ['FROM x\nENV A', 'Dockerfile line 2: A has no value'],
    ['FROM x\nUSER', 'Dockerfile line 2: USER needs arguments'],
  ] as const)
    test(`planBuild() says: ${message}`, () => {
      assert.throws(() => plan(text), { message });
    });
});
