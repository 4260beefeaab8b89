import assert from 'node:assert/strict';
import { measureProcess } from './process.ts';
import { makeRegistry } from './registry.ts';
import { numberText } from './text.ts';

suite('metrics', () => {
  test('render() tells families and series in order, in the text format', () => {
    const registry = makeRegistry();
    const requests = registry.counter('requests_total', 'Requests.\nBy \\verb', ['verb', 'path']);
    requests.with('get', '/').add();
    requests.with('get', '/').add(2);
    requests.with('a"\\\n', '').add();
    registry.gauge('level', 'How much').with().set(-2.5);
    const seconds = registry.histogram('seconds', 'How long', ['verb'], [0.1, 1, 1e6]).with('get');
    for (const value of [0.1, 0.5, 2, 1e7]) seconds.observe(value);
    registry.reading('gauge', 'objects', 'Objects', ['kind'], () => [[['b'], 2]]);
    registry.counter('never_used', 'Nothing', ['label']);
    assert.equal(
      registry.render(),
      [
        '# HELP level How much',
        '# TYPE level gauge',
        'level -2.5',
        '# HELP objects Objects',
        '# TYPE objects gauge',
        'objects{kind="b"} 2',
        '# HELP requests_total Requests.\\nBy \\\\verb',
        '# TYPE requests_total counter',
        'requests_total{verb="a\\"\\\\\\n",path=""} 1',
        'requests_total{verb="get",path="/"} 3',
        '# HELP seconds How long',
        '# TYPE seconds histogram',
        'seconds_bucket{verb="get",le="0.1"} 1',
        'seconds_bucket{verb="get",le="1"} 2',
        'seconds_bucket{verb="get",le="1e+06"} 3',
        'seconds_bucket{verb="get",le="+Inf"} 4',
        'seconds_sum{verb="get"} 1.00000026e+07',
        'seconds_count{verb="get"} 4',
        '',
      ].join('\n'),
    );
  });

  test('a metric has a bounded number of series, and counts the others together', () => {
    const registry = makeRegistry();
    const family = registry.counter('many_total', 'Many', ['name']);
    for (let i = 0; i < 20_010; i++) family.with(`n${i}`).add();
    const lines = registry.render().split('\n');
    assert.equal(lines.length, 2 + 20_001 + 1);
    assert.ok(lines.includes('many_total{name="unexpected"} 10'));
  });

  test('a name is registered once, and labels have as many values as names', () => {
    const registry = makeRegistry();
    const family = registry.counter('a_total', 'A', ['x']);
    assert.throws(() => registry.gauge('a_total', 'A'), /registered already/);
    assert.throws(() => family.with('1', '2'), /labels are x/);
  });

  test('numberText() writes numbers as Go does', () => {
    const cases: [number, string][] = [
      [0, '0'],
      [0.0001, '0.0001'],
      [0.00001, '1e-05'],
      [999_999, '999999'],
      [1_234_567, '1.234567e+06'],
      [-2e120, '-2e+120'],
      [Infinity, '+Inf'],
      [NaN, 'NaN'],
    ];
    for (const [value, text] of cases) assert.equal(numberText(value), text);
  });

  test('measureProcess() tells what this process takes', () => {
    const registry = makeRegistry();
    measureProcess(registry, { now: () => 1_700_000_000_000 });
    const text = registry.render();
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_open_fds'])
      assert.ok(Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]) > 0, name);
  });
});
