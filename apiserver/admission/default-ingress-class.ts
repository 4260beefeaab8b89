/** Ingresses that name no class get the default one: of several, the newest. */
import type { Ingress } from '#lib/kinds/gen/networking-v1.ts';
import { ingressClass } from '#lib/kinds/ingress-class.ts';
import { ingress as ingressKind } from '#lib/kinds/ingress.ts';
import { newestFirst } from './newest-first.ts';
import { creates } from './types.ts';
import type { AdmissionPlugin } from './types.ts';

const defaultKey = 'ingressclass.kubernetes.io/is-default-class';
const classKey = 'kubernetes.io/ingress.class';

export const defaultIngressClass: AdmissionPlugin = {
  name: 'DefaultIngressClass',
  admit(request, look) {
    if (!creates(request, ingressKind)) return;
    const { metadata, spec } = request.object as Ingress;
    if (spec.ingressClassName !== undefined || metadata.annotations?.[classKey] !== undefined) return;
    const [chosen] = [...look.list(ingressClass, '')]
      .filter((item) => item.metadata.annotations?.[defaultKey] === 'true')
      .sort(newestFirst);
    if (chosen) spec.ingressClassName = chosen.metadata.name;
  },
};
