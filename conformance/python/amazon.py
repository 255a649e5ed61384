"""boto3 clients of the servers, which trust nothing but their arguments."""

import boto3
from botocore.config import Config

import craton


def client(service="bedrock-runtime", key=None, secret=None, **options):
    config = Config(**{"retries": {"total_max_attempts": 1}, "signature_version": "v4", **options.pop("config", {})})
    return boto3.session.Session().client(
        service, endpoint_url=craton.URL, region_name=craton.REGION, config=config,
        aws_access_key_id=key or craton.ACCESS_KEY_ID, aws_secret_access_key=secret or craton.SECRET_ACCESS_KEY, **options)


def s3(**options):
    return client("s3", config={"signature_version": "s3v4", "s3": {"addressing_style": "path"}}, **options)
