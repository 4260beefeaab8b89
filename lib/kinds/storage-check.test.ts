/** Faults of storage. */
import { persistentVolume } from './persistent-volume.ts';
import { persistentVolumeClaim } from './persistent-volume-claim.ts';
import { storageClass } from './storage-class.ts';
import { csiDriver } from './csi-driver.ts';
import { csiNode } from './csi-node.ts';
import { csiStorageCapacity } from './csi-storage-capacity.ts';
import { volumeAttachment } from './volume-attachment.ts';
import { testEdits, testUpdates } from './testing/edits.ts';

suite('persistent volumes', () => {
  const body = { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/a' } } };
  testEdits(persistentVolume, body, [
    [
      'spec.capacity',
      'spec.capacity: Required value',
      'spec.capacity: Unsupported value: core.ResourceList(nil): supported values: "storage"',
    ],
    [
      'spec.capacity = {"cpu":"1"}',
      'spec.capacity: Unsupported value: core.ResourceList{"cpu":resource.Quantity{i:resource.int64Amount{value:1, scale:0}, d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"1", Format:"DecimalSI"}}: supported values: "storage"',
    ],
    ['spec.capacity = {"storage":"0"}', 'spec.capacity[storage]: Invalid value: "0": must be greater than zero'],
    [
      'spec.capacity = {"storage":"-1"}',
      'spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity',
      'spec.capacity[storage]: Invalid value: "-1": must be greater than zero',
    ],
    ['spec.accessModes = []', 'spec.accessModes: Required value'],
    [
      'spec.accessModes = ["Some"]',
      'spec.accessModes: Unsupported value: "Some": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
    ],
    [
      'spec.accessModes = ["ReadWriteOncePod","ReadWriteOnce"]',
      'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
    ],
    [
      'spec.persistentVolumeReclaimPolicy = "Shred"',
      'spec.persistentVolumeReclaimPolicy: Unsupported value: "Shred": supported values: "Delete", "Recycle", "Retain"',
    ],
    [
      'spec.persistentVolumeReclaimPolicy = "Recycle"; spec.hostPath.path = "/"',
      "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
    ],
    ['spec.hostPath', 'spec: Required value: must specify a volume type'],
    ['spec.nfs = {"server":"a","path":"/b"}', 'spec.nfs: Forbidden: may not specify more than 1 volume type'],
    ['spec.storageClassName = "A"', 'spec.storageClassName: Invalid value: "A": {subdomain}'],
    ['spec.volumeMode = "Tape"', 'spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"'],
    ['spec.nodeAffinity = {}', 'spec.nodeAffinity.required: Required value: must specify required node constraints'],
    [
      'spec.hostPath; spec.local = {"path":""}',
      'spec.local.path: Required value',
      'spec.nodeAffinity: Required value: Local volume requires node affinity',
    ],
    [
      'spec.hostPath; spec.glusterfs = {"endpoints":"","path":"","endpointsNamespace":""}',
      'spec.glusterfs.endpoints: Required value',
      'spec.glusterfs.path: Required value',
      'spec.glusterfs.endpointsNamespace: Invalid value: "": if the endpointnamespace is set, it must be a valid namespace name',
    ],
    [
      'spec.hostPath; spec.rbd = {"monitors":[],"image":""}',
      'spec.rbd.monitors: Required value',
      'spec.rbd.image: Required value',
    ],
    ['spec.hostPath; spec.cephfs = {"monitors":[]}', 'spec.cephfs.monitors: Required value'],
    [
      'spec.hostPath; spec.iscsi = {"targetPortal":"","iqn":"x","lun":-1,"secretRef":{}}',
      'spec.iscsi.targetPortal: Required value',
      'spec.iscsi.iqn: Invalid value: "x": must be valid format',
      'spec.iscsi.lun: Invalid value: -1: must be between 0 and 255, inclusive',
      'spec.iscsi.secretRef.name: Required value',
    ],
    [
      'spec.hostPath; spec.cinder = {"volumeID":"","secretRef":{}}',
      'spec.cinder.volumeID: Required value',
      'spec.cinder.secretRef.name: Required value',
      'spec.cinder.secretRef.namespace: Required value',
    ],
    [
      'spec.hostPath; spec.flexVolume = {"driver":"","secretRef":{}}',
      'spec.flexVolume.driver: Required value',
      'spec.flexVolume.secretRef.name: Required value',
      'spec.flexVolume.secretRef.namespace: Required value',
    ],
    [
      'spec.hostPath; spec.azureFile = {"secretName":"","shareName":"","secretNamespace":""}',
      'spec.azureFile.secretName: Required value',
      'spec.azureFile.shareName: Required value',
      'spec.azureFile.secretNamespace: Invalid value: "": must not be empty',
    ],
    [
      'spec.hostPath; spec.scaleIO = {"gateway":"","system":"","secretRef":{}}',
      'spec.scaleIO.gateway: Required value',
      'spec.scaleIO.system: Required value',
      'spec.scaleIO.volumeName: Required value',
    ],
    [
      'spec.hostPath; spec.storageos = {"volumeName":"A","volumeNamespace":"B"}',
      'spec.storageos.volumeName: Invalid value: "A": {label}',
      'spec.storageos.volumeNamespace: Invalid value: "B": {label}',
    ],
    [
      'spec.hostPath; spec.csi = {"driver":"","volumeHandle":"","nodePublishSecretRef":{}}',
      'spec.csi.driver: Required value',
      'spec.csi.driver: Invalid value: "": {subdomain}',
      'spec.csi.volumeHandle: Required value',
      'spec.csi.nodePublishSecretRef.name: Required value',
      'spec.csi.nodePublishSecretRef.namespace: Required value',
    ],
  ]);
  suite('updates', () =>
    testUpdates(persistentVolume, body, [
      [
        'spec.hostPath.path = "/b"',
        'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n  core.PersistentVolumeSource{\n  	GcePersistentDisk: nil,\n  	AwsElasticBlockStore: nil,\n  	HostPath: &core.HostPathVolumeSource{\n- 		Path: "/a",\n+ 		Path: "/b",\n  		Type: &"",\n  	},\n  	Glusterfs: nil,\n  	NFS: nil,\n  	... // 26 identical fields\n  }\n',
      ],
      ['spec.volumeMode = "Block"', 'volumeMode: Invalid value: "Block": field is immutable'],
    ]),
  );
});

suite('persistent volume claims', () => {
  const body = { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } } } };
  testEdits(persistentVolumeClaim, body, [
    ['spec.accessModes', 'spec.accessModes: Required value: at least 1 access mode is required'],
    [
      'spec.accessModes = ["ReadWriteOncePod","ReadOnlyMany","Some"]',
      'spec.accessModes: Unsupported value: "Some": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
      'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
    ],
    ['spec.resources', 'spec.resources[storage]: Required value'],
    ['spec.resources.requests.storage = "0"', 'spec.resources[storage]: Invalid value: "0": must be greater than zero'],
    ['spec.selector = {"matchLabels":{"a b":"c"}}', 'spec.selector.matchLabels: Invalid value: "a b": {name part}'],
    ['spec.storageClassName = "A"', 'spec.storageClassName: Invalid value: "A": {subdomain}'],
    ['spec.volumeMode = "Tape"', 'spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"'],
    [
      'spec.dataSource = {"kind":"Pod","name":""}',
      'spec.dataSource.name: Required value',
      `spec.dataSource: Invalid value: "Pod": must be 'PersistentVolumeClaim' when referencing the default apiGroup`,
      'spec.dataSourceRef.name: Required value',
      `spec.dataSourceRef: Invalid value: "Pod": must be 'PersistentVolumeClaim' when referencing the default apiGroup`,
    ],
    [
      'spec.dataSourceRef = {"apiGroup":"A","kind":"K","name":"n"}',
      'spec.dataSource.apiGroup: Invalid value: "A": {subdomain}',
      'spec.dataSourceRef.apiGroup: Invalid value: "A": {subdomain}',
    ],
    [
      'spec.dataSource = {"kind":"PersistentVolumeClaim","name":"a"}; spec.dataSourceRef = {"kind":"PersistentVolumeClaim","name":"b"}',
      'spec: Invalid value: spec.dataSource: must match dataSourceRef',
    ],
    [
      'spec.dataSource = {"kind":"PersistentVolumeClaim","name":"a"}; spec.dataSourceRef = {"kind":"PersistentVolumeClaim","name":"a","namespace":"b"}',
      'spec: Invalid value: spec.dataSource: may not be specified when dataSourceRef.namespace is specified',
    ],
  ]);
  suite('updates', () =>
    testUpdates(persistentVolumeClaim, body, [
      [
        'spec.resources.requests.storage = "1Gi"',
        'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n  core.PersistentVolumeClaimSpec{\n  	AccessModes: {"ReadWriteOnce"},\n  	Selector: nil,\n  	Resources: core.VolumeResourceRequirements{\n  		Limits: nil,\n  		Requests: core.ResourceList{\n- 			"storage": {s: "2Gi"},\n+ 			"storage": {s: "1Gi"},\n  		},\n  	},\n  	VolumeName: "",\n  	StorageClassName: nil,\n  	... // 4 identical fields\n  }\n',
      ],
      [
        'spec.accessModes = ["ReadOnlyMany"]',
        'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n  core.PersistentVolumeClaimSpec{\n- 	AccessModes: []string{"ReadWriteOnce"},\n+ 	AccessModes: []string{"ReadOnlyMany"},\n  	Selector: nil,\n  	Resources: {Requests: {"storage": {s: "2Gi"}}},\n  	... // 6 identical fields\n  }\n',
      ],
      [
        'metadata.annotations = {"volume.beta.kubernetes.io/storage-class":"x"}',
        'metadata.annotations[volume.beta.kubernetes.io/storage-class]: Invalid value: "x": field is immutable',
      ],
      [
        'spec.volumeMode = "Block"',
        'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n  core.PersistentVolumeClaimSpec{\n  	... // 3 identical fields\n  	VolumeName: "",\n  	StorageClassName: nil,\n- 	VolumeMode: &"Filesystem",\n+ 	VolumeMode: &"Block",\n  	DataSource: nil,\n  	DataSourceRef: nil,\n  	VolumeAttributesClassName: nil,\n  }\n',
        'volumeMode: Invalid value: "Block": field is immutable',
      ],
    ]),
  );
});

suite('storage classes', () => {
  const body = { provisioner: 'example.com/p' };
  testEdits(storageClass, body, [
    ['provisioner = ""', 'provisioner: Required value'],
    ['provisioner = "a b"', 'provisioner: Invalid value: "a b": {name part}'],
    ['parameters = {"":"x"}', 'parameters: Invalid value: "": field can not be empty.'],
    ['reclaimPolicy = "Recycle"', 'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
    [
      'volumeBindingMode = "Later"',
      'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"',
    ],
    [
      'allowedTopologies = [{"matchLabelExpressions":[{"key":"a b","values":[]},{"key":"c","values":["d","d"]},{"key":"c","values":["e"]}]}]',
      'allowedTopologies[0].matchLabelExpressions[0].values: Required value',
      'allowedTopologies[0].matchLabelExpressions[0].key: Invalid value: "a b": {name part}',
      'allowedTopologies[0].matchLabelExpressions[1].values[1]: Duplicate value: "d"',
      'allowedTopologies[0].matchLabelExpressions[2].key: Duplicate value: "c"',
    ],
    [
      'allowedTopologies = [{"matchLabelExpressions":[{"key":"a","values":["b"]}]},{"matchLabelExpressions":[{"key":"a","values":["b"]}]}]',
      'allowedTopologies[1].matchLabelExpressions: Duplicate value: ""',
    ],
  ]);
  suite('updates', () =>
    testUpdates(storageClass, body, [
      ['provisioner = "example.com/q"', 'provisioner: Forbidden: updates to provisioner are forbidden.'],
      ['parameters = {"a":"b"}', 'parameters: Forbidden: updates to parameters are forbidden.'],
      ['reclaimPolicy = "Retain"', 'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.'],
      [
        'volumeBindingMode = "WaitForFirstConsumer"',
        'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
      ],
    ]),
  );
});

suite('CSI drivers', () => {
  const body = { spec: {} };
  testEdits(csiDriver, body, [
    [
      'spec.fsGroupPolicy = "Some"',
      'spec.fsGroupPolicy: Unsupported value: "Some": supported values: "File", "None", "ReadWriteOnceWithFSType"',
    ],
    [
      'spec.volumeLifecycleModes = ["Short"]',
      'spec.volumeLifecycleModes: Unsupported value: "Short": supported values: "Persistent", "Ephemeral"',
    ],
    [
      'spec.tokenRequests = [{"audience":"a"},{"audience":"a"},{"audience":"b","expirationSeconds":5}]',
      'spec.tokenRequests[1].audience: Duplicate value: "a"',
      'spec.tokenRequests[2].expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes',
    ],
  ]);
  suite('updates', () =>
    testUpdates(csiDriver, body, [
      ['spec.attachRequired = false', 'spec.attachedRequired: Invalid value: false: field is immutable'],
      [
        'spec.volumeLifecycleModes = ["Ephemeral"]',
        'spec.volumeLifecycleModes: Invalid value: []storage.VolumeLifecycleMode{"Ephemeral"}: field is immutable',
      ],
    ]),
  );
});

suite('CSI nodes', () => {
  const body = { spec: { drivers: [{ name: 'a.b', nodeID: 'n' }] } };
  testEdits(csiNode, body, [
    [
      'spec.drivers = [{"name":"","nodeID":""}]',
      'spec.drivers[0].name: Required value',
      'spec.drivers[0].name: Invalid value: "": {subdomain}',
      'spec.drivers[0].nodeID: Required value',
    ],
    [
      'spec.drivers = [{"name":"a.b","nodeID":"n"},{"name":"a.b","nodeID":"n","allocatable":{"count":-1},"topologyKeys":["","a","a","b c"]}]',
      'spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0',
      'spec.drivers[1].name: Duplicate value: "a.b"',
      'spec.drivers[1]: Required value',
      'spec.drivers[1]: Invalid value: "": name part must be non-empty',
      'spec.drivers[1]: Invalid value: "": {name part}',
      'spec.drivers[1]: Duplicate value: "a"',
      'spec.drivers[1]: Invalid value: "b c": {name part}',
    ],
  ]);
  suite('updates', () =>
    testUpdates(csiNode, body, [
      [
        'spec.drivers[0].nodeID = "m"',
        'spec.drivers: Invalid value: storage.CSINodeDriver{Name:"a.b", NodeID:"m", TopologyKeys:[]string(nil), Allocatable:(*storage.VolumeNodeResources)(nil)}: field is immutable',
      ],
    ]),
  );
});

suite('CSI storage capacities', () => {
  const body = { storageClassName: 'a' };
  testEdits(csiStorageCapacity, body, [
    ['storageClassName = "A"', 'storageClassName: Invalid value: "A": {subdomain}'],
    ['capacity = "-1"', 'capacity: Invalid value: "-1": must be greater than or equal to 0'],
    ['nodeTopology = {"matchLabels":{"a b":"c"}}', 'nodeTopology.matchLabels: Invalid value: "a b": {name part}'],
  ]);
  suite('updates', () =>
    testUpdates(csiStorageCapacity, body, [
      ['storageClassName = "b"', 'storageClassName: Invalid value: "b": field is immutable'],
      [
        'nodeTopology = {}',
        'nodeTopology: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil), MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable',
      ],
    ]),
  );
});

suite('volume attachments', () => {
  const body = { spec: { attacher: 'a.b', nodeName: 'n', source: { persistentVolumeName: 'v' } } };
  testEdits(volumeAttachment, body, [
    [
      'spec.attacher = ""',
      'spec.attacher: Required value',
      'spec.attacher: Required value',
      'spec.attacher: Invalid value: "": {subdomain}',
    ],
    ['spec.attacher = "A_b"', 'spec.attacher: Invalid value: "A_b": {subdomain}'],
    ['spec.nodeName = ""', 'spec.nodeName: Invalid value: "": {subdomain}'],
    [
      'spec.source = {}',
      'spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
    ],
    [
      'spec.source = {"persistentVolumeName":""}',
      'spec.source.persistentVolumeName: Required value: must specify non empty persistentVolumeName',
      'spec.source.persistentVolumeName: Invalid value: "": {subdomain}',
    ],
    [
      'spec.source = {"persistentVolumeName":"a","inlineVolumeSpec":{}}',
      'spec.source: Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
    ],
    [
      'spec.source = {"inlineVolumeSpec":{"capacity":{"storage":"1"}}}',
      'spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes',
      'spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes',
      'spec.source.inlineVolumeSpec.accessModes: Required value',
    ],
  ]);
  suite('updates', () =>
    testUpdates(volumeAttachment, body, [
      [
        'spec.nodeName = "m"',
        'spec: Invalid value: storage.VolumeAttachmentSpec{Attacher:"a.b", Source:storage.VolumeAttachmentSource{PersistentVolumeName:(*string)(0xc000a2e3c8), InlineVolumeSpec:(*core.PersistentVolumeSpec)(nil)}, NodeName:"m"}: field is immutable',
      ],
    ]),
  );
});
