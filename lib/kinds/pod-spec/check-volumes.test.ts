/** Faults of pods' volumes, source by source. */
import { pod } from '../pod.ts';
import { testEdits } from '../testing/edits.ts';

suite('volumes', () => {
  const body = { spec: { containers: [{ name: 'main', image: 'nginx' }] } };
  testEdits(pod, body, [
    ['spec.volumes = [{"name":"A","emptyDir":{}}]', 'spec.volumes[0].name: Invalid value: "A": {label}'],
    ['spec.volumes = [{"name":"","emptyDir":{}}]', 'spec.volumes[0].name: Required value'],
    [
      'spec.volumes = [{"name":"v","emptyDir":{}},{"name":"v","emptyDir":{}}]',
      'spec.volumes[1].name: Duplicate value: "v"',
    ],
    [
      'spec.volumes = [{"name":"v","emptyDir":{},"hostPath":{"path":"/a"}}]',
      'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
    ],
    [
      'spec.volumes = [{"name":"v","emptyDir":{"sizeLimit":"-1"}}]',
      'spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity',
    ],
    ['spec.volumes = [{"name":"v","hostPath":{"path":""}}]', 'spec.volumes[0].hostPath.path: Required value'],
    [
      'spec.volumes = [{"name":"v","hostPath":{"path":"/a/../b","type":"Pipe"}}]',
      `spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain '..'`,
      'spec.volumes[0].hostPath.type: Unsupported value: "Pipe": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
    ],
    [
      'spec.volumes = [{"name":"v","gitRepo":{"repository":"","directory":"../a"}}]',
      'spec.volumes[0].gitRepo.repository: Required value',
      `spec.volumes[0].gitRepo.directory: Invalid value: "../a": must not contain '..'`,
    ],
    [
      'spec.volumes = [{"name":"v","gcePersistentDisk":{"pdName":"","partition":256}}]',
      'spec.volumes[0].persistentDisk.pdName: Required value',
      'spec.volumes[0].persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive',
    ],
    [
      'spec.volumes = [{"name":"v","awsElasticBlockStore":{"volumeID":"","partition":-1}}]',
      'spec.volumes[0].awsElasticBlockStore.volumeID: Required value',
      'spec.volumes[0].awsElasticBlockStore.partition: Invalid value: -1: must be between 1 and 255, inclusive',
    ],
    [
      'spec.volumes = [{"name":"v","secret":{"secretName":"","defaultMode":512}}]',
      'spec.volumes[0].secret.secretName: Required value',
      'spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
    ],
    [
      'spec.volumes = [{"name":"v","secret":{"secretName":"s","items":[{"key":"","path":"../a","mode":-1},{"key":"k","path":""},{"key":"k","path":"..a"}]}}]',
      'spec.volumes[0].secret.items[0].key: Required value',
      `spec.volumes[0].secret.items[0].path: Invalid value: "../a": must not contain '..'`,
      'spec.volumes[0].secret.items[0].mode: Invalid value: -1: must be a number between 0 and 0777 (octal), both inclusive',
      'spec.volumes[0].secret.items[1].path: Required value',
      `spec.volumes[0].secret.items[2].path: Invalid value: "..a": must not start with '..'`,
    ],
    [
      'spec.volumes = [{"name":"v","nfs":{"server":"","path":"a"}}]',
      'spec.volumes[0].nfs.server: Required value',
      'spec.volumes[0].nfs.path: Invalid value: "a": must be an absolute path',
    ],
    [
      'spec.volumes = [{"name":"v","nfs":{"server":"","path":""}}]',
      'spec.volumes[0].nfs.server: Required value',
      'spec.volumes[0].nfs.path: Required value',
      'spec.volumes[0].nfs.path: Invalid value: "": must be an absolute path',
    ],
    [
      'spec.volumes = [{"name":"v","iscsi":{"targetPortal":"","iqn":"","lun":256}}]',
      'spec.volumes[0].iscsi.targetPortal: Required value',
      'spec.volumes[0].iscsi.iqn: Required value',
      'spec.volumes[0].iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive',
    ],
    [
      'spec.volumes = [{"name":"v","iscsi":{"targetPortal":"1.2.3.4","iqn":"abc","lun":0,"chapAuthSession":true,"initiatorName":"iqn.bad"}}]',
      'spec.volumes[0].iscsi.iqn: Invalid value: "abc": must be valid format starting with iqn, eui, or naa',
      'spec.volumes[0].iscsi.secretRef: Required value',
      'spec.volumes[0].iscsi.initiatorname: Invalid value: "iqn.bad": must be valid format',
    ],
    [
      'spec.volumes = [{"name":"a-rather-long-name-of-a-volume","iscsi":{"targetPortal":"a-very-long-portal.of.some.domain.example.com:3260","iqn":"iqn.2001-04.com.example:a","lun":0,"initiatorName":"iqn.2001-04.com.example:b"}}]',
      'spec.volumes[0].name: Invalid value: "a-rather-long-name-of-a-volume": Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.',
    ],
    [
      'spec.volumes = [{"name":"v","glusterfs":{"endpoints":"","path":""}}]',
      'spec.volumes[0].glusterfs.endpoints: Required value',
      'spec.volumes[0].glusterfs.path: Required value',
    ],
    [
      'spec.volumes = [{"name":"v","flocker":{}}]',
      'spec.volumes[0].flocker: Required value: one of datasetName and datasetUUID is required',
    ],
    [
      'spec.volumes = [{"name":"v","flocker":{"datasetName":"a/b","datasetUUID":"c"}}]',
      'spec.volumes[0].flocker: Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously',
      `spec.volumes[0].flocker.datasetName: Invalid value: "a/b": must not contain '/'`,
    ],
    [
      'spec.volumes = [{"name":"v","persistentVolumeClaim":{"claimName":""}}]',
      'spec.volumes[0].persistentVolumeClaim.claimName: Required value',
    ],
    [
      'spec.volumes = [{"name":"v","rbd":{"monitors":[],"image":""}}]',
      'spec.volumes[0].rbd.monitors: Required value',
      'spec.volumes[0].rbd.image: Required value',
    ],
    [
      'spec.volumes = [{"name":"v","cinder":{"volumeID":"","secretRef":{"name":""}}}]',
      'spec.volumes[0].cinder.volumeID: Required value',
      'spec.volumes[0].cinder.secretRef.name: Required value',
    ],
    ['spec.volumes = [{"name":"v","cephfs":{"monitors":[]}}]', 'spec.volumes[0].cephfs.monitors: Required value'],
    [
      'spec.volumes = [{"name":"v","quobyte":{"registry":"","volume":""}}]',
      'spec.volumes[0].quobyte.registry: Required value: must be a host:port pair or multiple pairs separated by commas',
      'spec.volumes[0].quobyte.volume: Required value',
    ],
    [
      'spec.volumes = [{"name":"v","quobyte":{"registry":"a","volume":"v","tenant":"t"}}]',
      'spec.volumes[0].quobyte.registry: Invalid value: "a": must be a host:port pair or multiple pairs separated by commas',
    ],
    [
      'spec.volumes = [{"name":"v","downwardAPI":{"items":[{"path":"a"}]}}]',
      'spec.volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required',
    ],
    [
      'spec.volumes = [{"name":"v","downwardAPI":{"items":[{"path":"a","fieldRef":{"fieldPath":"spec.nodeName"}}]}}]',
      'spec.volumes[0].downwardAPI.fieldRef.fieldPath: Unsupported value: "spec.nodeName": supported values: "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"',
    ],
    [
      'spec.volumes = [{"name":"v","downwardAPI":{"items":[{"path":"a","resourceFieldRef":{"resource":"limits.cpu"}}]}}]',
      'spec.volumes[0].downwardAPI.resourceFieldRef.containerName: Required value',
    ],
    [
      'spec.volumes = [{"name":"v","fc":{}}]',
      'spec.volumes[0].fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both',
    ],
    [
      'spec.volumes = [{"name":"v","fc":{"targetWWNs":["a"],"wwids":["b"]}}]',
      'spec.volumes[0].fc.targetWWNs: Invalid value: []string{"a"}: targetWWNs and wwids can not be specified simultaneously',
      'spec.volumes[0].fc.lun: Required value: lun is required if targetWWNs is specified',
    ],
    [
      'spec.volumes = [{"name":"v","flexVolume":{"driver":"","options":{"kubernetes.io/x":"y"}}}]',
      'spec.volumes[0].flexVolume.driver: Required value',
      'spec.volumes[0].flexVolume.options[kubernetes.io/x]: Invalid value: "kubernetes.io/x": kubernetes.io and k8s.io namespaces are reserved',
    ],
    ['spec.volumes = [{"name":"v","configMap":{"name":""}}]', 'spec.volumes[0].configMap.name: Required value'],
    [
      'spec.volumes = [{"name":"v","azureFile":{"secretName":"","shareName":""}}]',
      'spec.volumes[0].azureFile.secretName: Required value',
      'spec.volumes[0].azureFile.shareName: Required value',
    ],
    [
      'spec.volumes = [{"name":"v","vsphereVolume":{"volumePath":""}}]',
      'spec.volumes[0].vsphereVolume.volumePath: Required value',
    ],
    [
      'spec.volumes = [{"name":"v","photonPersistentDisk":{"pdID":""}}]',
      'spec.volumes[0].photonPersistentDisk.pdID: Required value',
    ],
    [
      'spec.volumes = [{"name":"v","portworxVolume":{"volumeID":""}}]',
      'spec.volumes[0].portworxVolume.volumeID: Required value',
    ],
    [
      'spec.volumes = [{"name":"v","azureDisk":{"diskName":"","diskURI":"","cachingMode":"All"}}]',
      'spec.volumes[0].azureDisk.diskName: Required value',
      'spec.volumes[0].azureDisk.diskURI: Required value',
      'spec.volumes[0].azureDisk.cachingMode: Unsupported value: "All": supported values: "None", "ReadOnly", "ReadWrite"',
      'spec.volumes[0].azureDisk.diskURI: Unsupported value: "": supported values: "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"',
    ],
    [
      'spec.volumes = [{"name":"v","azureDisk":{"diskName":"a","diskURI":"blob:x","kind":"Dedicated"}}]',
      'spec.volumes[0].azureDisk.diskURI: Unsupported value: "blob:x": supported values: "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"',
    ],
    ['spec.volumes = [{"name":"v","storageos":{}}]', 'spec.volumes[0].storageos.volumeName: Required value'],
    [
      'spec.volumes = [{"name":"v","projected":{"defaultMode":512,"sources":[{"configMap":{"name":""}},{"secret":{"name":"a"},"configMap":{"name":"b"}}]}}]',
      'spec.volumes[0].projected.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
      'spec.volumes[0].projected.sources[0].configMap.name: Required value',
      'spec.volumes[0].projected.sources[1]: Forbidden: may not specify more than 1 volume type per source',
    ],
    [
      'spec.serviceAccountName = "a"; spec.volumes = [{"name":"v","projected":{"sources":[{"serviceAccountToken":{"path":"","expirationSeconds":1}},{"configMap":{"name":"c","items":[{"key":"k","path":"p"}]}},{"secret":{"name":"s","items":[{"key":"k","path":"p"}]}}]}}]',
      'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes',
      'spec.volumes[0].projected.path: Required value',
      'spec.volumes[0].projected: Invalid value: "s": conflicting duplicate paths',
    ],
    [
      'spec.volumes = [{"name":"v","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}}]',
      'spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set',
    ],
    [
      'spec.volumes = [{"name":"v","projected":{"sources":[{"clusterTrustBundle":{"name":"a","signerName":"b.c/d","path":"p"}}]}}]',
      'spec.volumes[0].projected.sources[0].clusterTrustBundle: Invalid value: core.ClusterTrustBundleProjection{Name:(*string)(0xc000a2e3c8), SignerName:(*string)(0xc000a2e3c8), LabelSelector:(*v1.LabelSelector)(nil), Optional:(*bool)(nil), Path:"p"}: only one of name and signerName may be used',
    ],
    [
      'spec.volumes = [{"name":"v","scaleIO":{"gateway":"","system":"","secretRef":{}}}]',
      'spec.volumes[0].scaleIO.gateway: Required value',
      'spec.volumes[0].scaleIO.system: Required value',
      'spec.volumes[0].scaleIO.volumeName: Required value',
    ],
    [
      'spec.volumes = [{"name":"v","csi":{"driver":"","nodePublishSecretRef":{"name":""}}}]',
      'spec.volumes[0].csi.driver: Required value',
      'spec.volumes[0].csi.driver: Invalid value: "": {subdomain}',
      'spec.volumes[0].csi.nodePublishSecretRef.name: Required value',
    ],
    [
      'spec.volumes = [{"name":"v","csi":{"driver":"A_b"}}]',
      'spec.volumes[0].csi.driver: Invalid value: "A_b": {subdomain}',
    ],
    ['spec.volumes = [{"name":"v","ephemeral":{}}]', 'spec.volumes[0].ephemeral.volumeClaimTemplate: Required value'],
    [
      'spec.volumes = [{"name":"v","ephemeral":{"volumeClaimTemplate":{"metadata":{"name":"x"},"spec":{}}}}]',
      'spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set',
      'spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access mode is required',
      'spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value',
    ],
    ['spec.volumes = [{"name":"v","image":{"reference":""}}]', 'spec.volumes[0].image.reference: Required value'],
    [
      'spec.volumes = [{"name":"v","image":{"reference":"a","pullPolicy":"Some"}}]',
      'spec.volumes[0].image.pullPolicy: Unsupported value: "Some": supported values: "Always", "IfNotPresent", "Never"',
    ],
    [
      'spec.volumes = [{"name":"v","ephemeral":{"volumeClaimTemplate":{"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}}},{"name":"w","persistentVolumeClaim":{"claimName":"some-v"}}]',
      'spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "some-v": must not reference a PVC that gets created for an ephemeral volume',
    ],
  ]);
});
