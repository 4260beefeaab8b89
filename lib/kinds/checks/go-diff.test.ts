/** Differences as Go shows them. */
import assert from 'node:assert/strict';
import { goDiff } from './go-diff.ts';

suite('go-diff', () => {
  const pod = 'io.k8s.api.core.v1.PodSpec';
  const containers = [{ name: 'c', image: 'x' }];
  const lines = (text: string) => text.trimEnd().split('\n');

  test('a field, with two equal ones beside it', () => {
    assert.deepEqual(
      lines(goDiff(pod, { containers, restartPolicy: 'Always' }, { containers, restartPolicy: 'Never' })),
      [
        '  core.PodSpec{',
        '  \t... // 2 identical fields',
        '  \tContainers: {{Name: "c", Image: "x"}},',
        '  \tEphemeralContainers: nil,',
        '- \tRestartPolicy: "Always",',
        '+ \tRestartPolicy: "Never",',
        '  \tTerminationGracePeriodSeconds: nil,',
        '  \tActiveDeadlineSeconds: nil,',
        '  \t... // 27 identical fields',
        '  }',
      ],
    );
  });

  test('both names of an account are one, and what concerns the host is in the security context', () => {
    const before = { containers, serviceAccountName: 'a', serviceAccount: 'a', hostNetwork: true, securityContext: {} };
    const text = goDiff(pod, before, { ...before, serviceAccountName: 'b', serviceAccount: 'b', hostNetwork: false });
    assert.equal(text.match(/^-/gm)?.length, 2);
    assert.match(text, /\n- \tServiceAccountName: "a",\n\+ \tServiceAccountName: "b",\n/);
    assert.match(
      text,
      /\n {2}\tSecurityContext: &core\.PodSecurityContext\{\n- \t\tHostNetwork: true,\n\+ \t\tHostNetwork: false,\n {2}\t\tHostPID: false,\n/,
    );
  });

  test('an item that comes and one that goes', () => {
    const [one, two] = [
      { name: 'a', image: 'x' },
      { name: 'b', image: 'y' },
    ];
    const text = goDiff(pod, { containers: [one] }, { containers: [one, two] });
    assert.match(
      text,
      /\n {2}\tContainers: \[\]core\.Container\{\n {2}\t\t\{Name: "a", Image: "x"\},\n\+ \t\t\{Name: "b", Image: "y"\},\n {2}\t\},\n/,
    );
    assert.equal(goDiff(pod, { containers: [one] }, { containers: [one, two] }), text);
    assert.match(
      goDiff(pod, { containers: [one, two] }, { containers: [one] }),
      /\n- \t\t\{Name: "b", Image: "y"\},\n/,
    );
  });
});
