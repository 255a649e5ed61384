"""The object space by boto3's s3 client: path style, Signature Version 4."""

import io
import os

import botocore.exceptions
import pytest
import requests
from boto3.s3.transfer import TransferConfig

import amazon
import craton
from test_bedrock_converse import refused

pytestmark = pytest.mark.sdk("boto3 s3", "boto3")
case = pytest.mark.case
MIB = 1 << 20


@pytest.fixture(scope="module")
def client():
    return amazon.s3()


@pytest.fixture
def bucket(client, request):
    name = "t-" + "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[:40].strip("-")
    client.create_bucket(Bucket=name)
    return name


@case("buckets: create, head, list, delete")
def test_buckets(client, bucket):
    client.head_bucket(Bucket=bucket)
    assert bucket in [b["Name"] for b in client.list_buckets()["Buckets"]]
    client.put_object(Bucket=bucket, Key="a", Body=b"1")
    refused(lambda: client.delete_bucket(Bucket=bucket), "BucketNotEmpty", 409)
    client.delete_object(Bucket=bucket, Key="a")
    client.delete_bucket(Bucket=bucket)
    refused(lambda: client.head_bucket(Bucket=bucket), "404", 404)
    refused(lambda: client.list_objects_v2(Bucket=bucket), "NoSuchBucket", 404)


@case("objects: put, get, head, delete")
@pytest.mark.parametrize("key", ["plain.txt", "a/b c/ü+%&=?.json", "trailing/"])
def test_objects(client, bucket, key):
    put = client.put_object(Bucket=bucket, Key=key, Body=b"hello", ContentType="text/plain", Metadata={"who": "ada"})
    head = client.head_object(Bucket=bucket, Key=key)
    assert (head["ContentLength"], head["ContentType"], head["Metadata"], head["ETag"]) == (5, "text/plain", {"who": "ada"}, put["ETag"])
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"hello"
    part = client.get_object(Bucket=bucket, Key=key, Range="bytes=1-3")
    assert (part["Body"].read(), part["ContentRange"]) == (b"ell", "bytes 1-3/5")
    client.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(client.exceptions.NoSuchKey):
        client.get_object(Bucket=bucket, Key=key)


@case("objects: copy and delete several")
def test_copy_and_delete_several(client, bucket):
    client.put_object(Bucket=bucket, Key="one", Body=b"1")
    client.copy_object(Bucket=bucket, Key="two", CopySource={"Bucket": bucket, "Key": "one"})
    assert client.get_object(Bucket=bucket, Key="two")["Body"].read() == b"1"
    done = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "one"}, {"Key": "two"}]})
    assert sorted(d["Key"] for d in done["Deleted"]) == ["one", "two"]
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@case("lists: prefixes, delimiters, pages")
def test_lists(client, bucket):
    for key in ("a/1", "a/2", "b/1", "c"):
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    listed = client.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in listed["CommonPrefixes"]] == ["a/", "b/"] and [o["Key"] for o in listed["Contents"]] == ["c"]
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    assert [[o["Key"] for o in page["Contents"]] for page in pages] == [["a/1", "a/2"], ["b/1", "c"]]
    assert [o["Key"] for o in client.list_objects_v2(Bucket=bucket, Prefix="a/")["Contents"]] == ["a/1", "a/2"]
    assert [o["Key"] for o in client.list_objects(Bucket=bucket, Prefix="b")["Contents"]] == ["b/1"]


@case("multipart uploads")
def test_multipart_by_hand(client, bucket):
    parts = [os.urandom(5 * MIB), b"the end"]
    upload = client.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    sent = [{"PartNumber": n, "ETag": client.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=n, Body=p)["ETag"]}
            for n, p in enumerate(parts, 1)]
    assert [p["Size"] for p in client.list_parts(Bucket=bucket, Key="big", UploadId=upload)["Parts"]] == [len(p) for p in parts]
    done = client.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": sent})
    assert done["ETag"].strip('"').endswith("-2")
    assert client.get_object(Bucket=bucket, Key="big")["Body"].read() == b"".join(parts)
    gone = client.create_multipart_upload(Bucket=bucket, Key="gone")["UploadId"]
    client.abort_multipart_upload(Bucket=bucket, Key="gone", UploadId=gone)
    with pytest.raises(client.exceptions.NoSuchUpload):
        client.upload_part(Bucket=bucket, Key="gone", UploadId=gone, PartNumber=1, Body=b"x")


@case("multipart uploads")
def test_transfer_manager(client, bucket):
    data, got = os.urandom(12 * MIB), io.BytesIO()
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=3)
    client.upload_fileobj(io.BytesIO(data), bucket, "big", Config=config)
    client.download_fileobj(bucket, "big", got, Config=config)
    assert got.getvalue() == data


@case("presigned URLs")
def test_presigned(client, bucket):
    put = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
    assert requests.put(put, data=b"signed", timeout=10).status_code == 200
    get = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
    assert requests.get(get, timeout=10).content == b"signed"
    forged = get.replace("a%20b", "other")
    assert requests.get(forged, timeout=10).status_code == 403


@case("wrong key")
def test_wrong_key():
    refused(lambda: amazon.s3(key="AKIANOBODY0000000001").list_buckets(), "InvalidAccessKeyId", 403)
    refused(lambda: amazon.s3(secret="x" * 40).list_buckets(), "SignatureDoesNotMatch", 403)


@case("malformed request")
def test_malformed_request(client, bucket):
    refused(lambda: client.create_bucket(Bucket="UPPER"), "InvalidBucketName", 400)
    client.put_object(Bucket=bucket, Key="k", Body=b"hello")
    refused(lambda: client.get_object(Bucket=bucket, Key="k", Range="bytes=9-"), "InvalidRange", 416)


@case("unsupported feature")
def test_unsupported_feature(client, bucket):
    refused(lambda: client.get_bucket_acl(Bucket=bucket), "NotImplemented", 501)


@case("tenants are apart")
def test_a_credential_sees_its_tenant_only(client, bucket):
    client.put_object(Bucket=bucket, Key="secret", Body=b"x")
    tenant = craton.admin("POST", "tenants", {"name": "objects-elsewhere"})
    key = craton.admin("POST", "keys", {"tenant": tenant["id"], "name": "theirs", "kind": "aws", "roles": ["developer"]})
    other = amazon.s3(key=key["access_key_id"], secret=key["secret_access_key"])
    with pytest.raises(botocore.exceptions.ClientError):
        other.get_object(Bucket=bucket, Key="secret")
    assert other.list_buckets()["Buckets"] == []
