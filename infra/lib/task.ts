import { Duration, Validations } from 'aws-cdk-lib'
import {
  Capability,
  ContainerImage,
  CpuArchitecture,
  FargateTaskDefinition,
  LinuxParameters,
  LogDriver,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs'
import type { HealthCheck } from 'aws-cdk-lib/aws-ecs'
import { Repository } from 'aws-cdk-lib/aws-ecr'
import type { IRole } from 'aws-cdk-lib/aws-iam'
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { arn } from './names.js'
import type { ImageSettings, Settings } from './settings.js'

export interface TaskOptions {
  /** Name of the task definition's family. */
  readonly family: string
  readonly image: ImageSettings
  readonly cpu: number
  readonly memoryMiB: number
  /** Undefined: Fargate's 20. */
  readonly ephemeralGiB?: number
  readonly taskRole: IRole
  readonly executionRole: IRole
  readonly logGroup: ILogGroup
  readonly environment: Readonly<Record<string, string>>
  /** Instead of the image's own. */
  readonly entryPoint?: readonly string[]
  readonly command?: readonly string[]
  readonly healthCheck?: HealthCheck
  readonly files: 'none' | 'read' | 'write'
}

/** What the image lets its user write; everything else is read-only. */
const SCRATCH = { download: '/batch_download', upload: '/batch_upload', tmp: '/tmp' }
const FILES_AT = '/mnt/efs'

/** The most that Fargate gives a task which is asked to stop. */
const STOP_TIMEOUT = Duration.seconds(120)

/** One container of a duckfleet image: no root, no capabilities, a read-only root, and 120 seconds to stop. */
export function createTask(
  scope: Construct,
  id: string,
  settings: Settings,
  options: TaskOptions,
): FargateTaskDefinition {
  const task = new FargateTaskDefinition(scope, id, {
    family: options.family,
    cpu: options.cpu,
    memoryLimitMiB: options.memoryMiB,
    taskRole: options.taskRole,
    executionRole: options.executionRole,
    ...(options.ephemeralGiB === undefined ? {} : { ephemeralStorageGiB: options.ephemeralGiB }),
    runtimePlatform: {
      operatingSystemFamily: OperatingSystemFamily.LINUX,
      cpuArchitecture: settings.architecture === 'arm64' ? CpuArchitecture.ARM64 : CpuArchitecture.X86_64,
    },
  })
  // The init process passes signals on, and buries engine processes that lost their parent.
  const linuxParameters = new LinuxParameters(scope, `${id}Linux`, { initProcessEnabled: true })
  linuxParameters.dropCapabilities(Capability.ALL)
  const container = task.addContainer('duckfleet', {
    image: imageOf(task, settings, options.image),
    essential: true,
    user: '1000:1000',
    readonlyRootFilesystem: true,
    linuxParameters,
    stopTimeout: STOP_TIMEOUT,
    logging: LogDriver.awsLogs({ streamPrefix: options.family, logGroup: options.logGroup }),
    environment: options.environment,
    ...(options.entryPoint === undefined ? {} : { entryPoint: [...options.entryPoint] }),
    ...(options.command === undefined ? {} : { command: [...options.command] }),
    ...(options.healthCheck === undefined ? {} : { healthCheck: options.healthCheck }),
  })
  for (const [name, containerPath] of Object.entries(SCRATCH)) {
    task.addVolume({ name })
    container.addMountPoints({ sourceVolume: name, containerPath, readOnly: false })
  }
  Validations.of(task).acknowledge({
    id: 'AwsSolutions-ECS2',
    reason:
      'Names and numbers only. Secrets are read from Secrets Manager, by their names, when they are needed.',
  })
  if (options.files !== 'none') addFiles(task, settings, options.files)
  return task
}

/** Pulled with the permissions of the execution role, which has them already. */
function imageOf(
  task: FargateTaskDefinition,
  settings: Settings,
  { repository, version }: ImageSettings,
): ContainerImage {
  const from = Repository.fromRepositoryAttributes(task, 'Repository', {
    repositoryName: repository,
    repositoryArn: arn(settings, 'ecr', `repository/${repository}`),
  })
  return ContainerImage.fromEcrRepository(from, version)
}

/** EFS: through its access point, as the task's own role, encrypted on the way. */
function addFiles(task: FargateTaskDefinition, settings: Settings, access: 'read' | 'write'): void {
  const { fileSystem } = settings
  if (fileSystem === undefined) return
  task.addVolume({
    name: 'files',
    efsVolumeConfiguration: {
      fileSystemId: fileSystem.id,
      transitEncryption: 'ENABLED',
      authorizationConfig: { accessPointId: fileSystem.accessPointId, iam: 'ENABLED' },
    },
  })
  task.defaultContainer?.addMountPoints({
    sourceVolume: 'files',
    containerPath: FILES_AT,
    readOnly: access === 'read',
  })
}

/** Where the environment says that files on EFS are. */
export function fileEnvironment({ fileSystem }: Settings): Record<string, string> {
  if (fileSystem === undefined) return {}
  return {
    MIGRATE_SRC: `${FILES_AT}/${fileSystem.source}`,
    MIGRATE_DST: `${FILES_AT}/${fileSystem.destination}`,
  }
}
