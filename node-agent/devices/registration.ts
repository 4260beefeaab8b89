/** Whether a plug-in may offer what it wants to. Pure; upstream's sentences. */
import { isExtended } from '#lib/kinds/pod-spec/check-resources.ts';
import type { RegisterRequest } from '#protos/gen/device-plugin.ts';

const supportedVersion = 'v1beta1';

/** Why a registration is refused; undefined when it is not. */
export function registrationFault({
  version,
  resourceName,
}: Pick<RegisterRequest, 'version' | 'resourceName'>): string | undefined {
  if (version !== supportedVersion) {
    return `requested API version "${version}" is not supported by kubelet. Supported version is ["${supportedVersion}"]`;
  }
  return isExtended(resourceName) ? undefined : `the ResourceName "${resourceName}" is invalid`;
}
