"""The built-in engine, where CRATON_TEST_ENGINE_DATA names an installed one.

A small model says what it says: these tests assert on shape. They are no rows
of the table, which would differ between machines.
"""

import json
import os

import boto3
import openai
import pytest
from botocore.config import Config

import craton

URL = os.environ.get("CRATON_CONFORMANCE_ENGINE_URL")
pytestmark = pytest.mark.skipif(not URL, reason="CRATON_TEST_ENGINE_DATA names no data directory")
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": craton.WEATHER}}]


@pytest.fixture(scope="module")
def client():
    return openai.OpenAI(base_url=f"{URL}/v1", api_key=craton.KEY, max_retries=0)


@pytest.fixture(scope="module")
def model(client):
    return client.models.list().data[0].id


def ask(client, model, prompt, **options):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}], max_tokens=40, **options)


def test_text(client, model):
    answer = ask(client, model, "Say hello.")
    assert model.startswith("engine/") and answer.choices[0].message.content.strip()
    assert 0 < answer.usage.completion_tokens <= 40 and answer.usage.prompt_tokens > 3


def test_streaming(client, model):
    chunks = list(ask(client, model, "Count to five.", stream=True, stream_options={"include_usage": True}))
    assert len([c for c in chunks if c.choices and c.choices[0].delta.content]) > 2
    assert chunks[-1].usage.completion_tokens > 2


def test_forced_tool(client, model):
    forced = {"type": "function", "function": {"name": "get_weather"}}
    answer = ask(client, model, "What is the weather in Paris?", tools=TOOLS, tool_choice=forced)
    [call] = answer.choices[0].message.tool_calls
    assert isinstance(json.loads(call.function.arguments)["city"], str)


def test_structured_output(client, model):
    form = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": {
        "type": "object", "properties": {"rain": {"type": "boolean"}}, "required": ["rain"], "additionalProperties": False}}}
    answer = ask(client, model, "Does it rain?", response_format=form)
    assert list(json.loads(answer.choices[0].message.content)) == ["rain"]


def test_converse(model):
    bedrock = boto3.session.Session().client(
        "bedrock-runtime", endpoint_url=URL, region_name=craton.REGION, aws_access_key_id=craton.ACCESS_KEY_ID,
        aws_secret_access_key=craton.SECRET_ACCESS_KEY, config=Config(read_timeout=120))
    messages = [{"role": "user", "content": [{"text": "Say hello."}]}]
    events = list(bedrock.converse_stream(modelId=model, messages=messages, inferenceConfig={"maxTokens": 20})["stream"])
    assert any("contentBlockDelta" in e for e in events) and events[-1]["metadata"]["usage"]["outputTokens"] > 0
