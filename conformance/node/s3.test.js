// The tenant's object space by the official S3 client, and async invocations
// that write into it.
import assert from 'node:assert/strict';
import {
  S3Client, CreateBucketCommand, HeadBucketCommand, PutObjectCommand, GetObjectCommand, HeadObjectCommand, DeleteObjectCommand,
  ListObjectsV2Command, CreateMultipartUploadCommand, UploadPartCommand, CompleteMultipartUploadCommand,
  NoSuchKey, NotFound, S3ServiceException,
} from '@aws-sdk/client-s3';
import { BedrockRuntimeClient, StartAsyncInvokeCommand, GetAsyncInvokeCommand, ListAsyncInvokesCommand } from '@aws-sdk/client-bedrock-runtime';
import { awsCredentials, model, newTag, url } from './craton.js';
import { suite } from './suite.js';

const { check } = suite('@aws-sdk/client-s3', '@aws-sdk/client-s3');
const options = { region: 'us-east-1', endpoint: url, credentials: awsCredentials, maxAttempts: 1 };
const s3 = new S3Client({ ...options, forcePathStyle: true });
const put = (Bucket, Key, Body, more) => s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = async (Bucket, Key, more) => (await s3.send(new GetObjectCommand({ Bucket, Key, ...more }))).Body.transformToString();

// bucket makes a bucket of a name nobody used.
async function bucket() {
  const Bucket = `b-${newTag()}`;
  await s3.send(new CreateBucketCommand({ Bucket }));
  return Bucket;
}

check('a bucket is made and found', async () => {
  const Bucket = await bucket();
  await s3.send(new HeadBucketCommand({ Bucket }));
  await assert.rejects(s3.send(new HeadBucketCommand({ Bucket: `b-${newTag()}` })), NotFound);
});

check('an object is put, read and deleted', async () => {
  const Bucket = await bucket();
  const key = 'a folder/ünïcode & more.txt';
  const { ETag } = await put(Bucket, key, 'hello there', { ContentType: 'text/plain', Metadata: { colour: 'red' } });
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: key }));
  assert.deepEqual([head.ContentLength, head.ContentType, head.ETag, head.Metadata.colour], [11, 'text/plain', ETag, 'red']);
  assert.equal(await get(Bucket, key), 'hello there');
  assert.equal(await get(Bucket, key, { Range: 'bytes=6-' }), 'there');
  await s3.send(new DeleteObjectCommand({ Bucket, Key: key }));
  await assert.rejects(get(Bucket, key), (err) => err instanceof NoSuchKey && err.$metadata.httpStatusCode === 404);
});

check('a damaged upload is refused', async () => {
  const Bucket = await bucket();
  await assert.rejects(put(Bucket, 'x', 'hello', { ChecksumCRC32: 'AAAAAA==' }), (err) => {
    assert.ok(err instanceof S3ServiceException);
    assert.equal(err.name, 'BadDigest');
    assert.equal(err.$metadata.httpStatusCode, 400);
    return true;
  });
  await assert.rejects(get(Bucket, 'x'), NoSuchKey);
});

check('objects are listed by prefix and page', async () => {
  const Bucket = await bucket();
  for (const key of ['a/1', 'a/2', 'a/3', 'b/1', 'c']) await put(Bucket, key, key);
  const top = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: '/' }));
  assert.deepEqual(top.CommonPrefixes.map((p) => p.Prefix), ['a/', 'b/']);
  assert.deepEqual(top.Contents.map((o) => o.Key), ['c']);
  const keys = [];
  let ContinuationToken;
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'a/', MaxKeys: 2, ContinuationToken }));
    keys.push(...page.Contents.map((o) => o.Key));
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken);
  assert.deepEqual(keys, ['a/1', 'a/2', 'a/3']);
});

check('an object is uploaded in parts', async () => {
  const Bucket = await bucket();
  const object = { Bucket, Key: 'big' };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand(object));
  const pieces = ['x'.repeat(5 << 20), 'the end'];
  const Parts = [];
  for (const [i, Body] of pieces.entries()) {
    const { ETag } = await s3.send(new UploadPartCommand({ ...object, UploadId, PartNumber: i + 1, Body }));
    Parts.push({ ETag, PartNumber: i + 1 });
  }
  await s3.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } }));
  assert.equal(await get(Bucket, 'big'), pieces.join(''));
});

check('wrong key', async () => {
  const stranger = new S3Client({ ...options, forcePathStyle: true, credentials: { ...awsCredentials, secretAccessKey: 'wrong' } });
  await assert.rejects(stranger.send(new CreateBucketCommand({ Bucket: 'mine' })), (err) => {
    assert.ok(err instanceof S3ServiceException);
    assert.equal(err.name, 'SignatureDoesNotMatch');
    assert.equal(err.$metadata.httpStatusCode, 403);
    return true;
  });
});

check('an async invocation writes its answer', async () => {
  const Bucket = await bucket();
  const runtime = new BedrockRuntimeClient(options);
  const started = await runtime.send(new StartAsyncInvokeCommand({
    modelId: model, outputDataConfig: { s3OutputDataConfig: { s3Uri: `s3://${Bucket}/out` } },
    modelInput: { anthropic_version: 'bedrock-2023-05-31', max_tokens: 100, messages: [{ role: 'user', content: 'Say hello' }] },
  }));
  assert.match(started.invocationArn, /^arn:aws:bedrock:us-east-1:\d{12}:async-invoke\/\w+$/);
  let job;
  do {
    job = await runtime.send(new GetAsyncInvokeCommand({ invocationArn: started.invocationArn }));
  } while (job.status === 'InProgress');
  assert.equal(job.status, 'Completed', job.failureMessage);
  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'out/' }));
  const texts = await Promise.all(Contents.map((o) => get(Bucket, o.Key)));
  assert.ok(texts.some((t) => JSON.parse(t).content?.[0].text === 'hello'), texts.join('\n'));
  const all = await runtime.send(new ListAsyncInvokesCommand({ statusEquals: 'Completed' }));
  assert.ok(all.asyncInvokeSummaries.some((s) => s.invocationArn === started.invocationArn));
  runtime.destroy();
});
