import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib'
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3'
import { Key } from 'aws-cdk-lib/aws-kms'
import type { Construct } from 'constructs'
import type { BucketSettings, Settings } from './settings.js'

/**
 * Makes the buckets that were asked for; all others are there already and stay as they are. Theirs is the rule that
 * removes stranded uploads too: `npm run uploads-rule`.
 */
export function createBuckets(scope: Construct, settings: Settings): Bucket[] {
  const { sourceBucket, destinationBucket } = settings
  return [
    ...(sourceBucket.create ? [createBucket(scope, 'SourceBucket', sourceBucket, settings)] : []),
    ...(destinationBucket.create
      ? [createBucket(scope, 'DestinationBucket', destinationBucket, settings)]
      : []),
  ]
}

function createBucket(
  scope: Construct,
  id: string,
  { name, keyArn }: BucketSettings,
  { strandedUploadDays }: Settings,
): Bucket {
  const bucket = new Bucket(scope, id, {
    bucketName: name,
    ...(keyArn === undefined
      ? { encryption: BucketEncryption.S3_MANAGED }
      : { encryption: BucketEncryption.KMS, encryptionKey: Key.fromKeyArn(scope, `${id}Key`, keyArn) }),
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    versioned: true,
    // Somebody's data.
    removalPolicy: RemovalPolicy.RETAIN,
    lifecycleRules: [
      { id: 'stranded-uploads', abortIncompleteMultipartUploadAfter: Duration.days(strandedUploadDays) },
    ],
  })
  Validations.of(bucket).acknowledge({
    id: 'AwsSolutions-S1',
    reason: 'Access logs need a bucket of their own; those who want them have one, or use CloudTrail.',
  })
  return bucket
}
