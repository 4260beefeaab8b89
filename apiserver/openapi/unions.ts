/** Types of which one field says which of the others counts. The schema data does not tell of them. */

const flow = 'io.k8s.api.flowcontrol.v1';

/** By definition: the field that says, and what it says of each of the others. */
const unions: Readonly<Record<string, [discriminator: string, fields: Readonly<Record<string, string>>]>> = {
  'io.k8s.api.core.v1.AppArmorProfile': ['type', { localhostProfile: 'LocalhostProfile' }],
  'io.k8s.api.core.v1.SeccompProfile': ['type', { localhostProfile: 'LocalhostProfile' }],
  [`${flow}.LimitResponse`]: ['type', { queuing: 'Queuing' }],
  [`${flow}.PriorityLevelConfigurationSpec`]: ['type', { exempt: 'Exempt', limited: 'Limited' }],
  [`${flow}.Subject`]: ['kind', { group: 'Group', serviceAccount: 'ServiceAccount', user: 'User' }],
};

/** As `x-kubernetes-unions` has it; undefined for other types. */
export function unionOf(definition: string): object[] | undefined {
  const union = unions[definition];
  return union && [{ discriminator: union[0], 'fields-to-discriminateBy': union[1] }];
}
