"""The AWS CLI: bedrock-runtime without streams, and s3."""

import json
import os
import subprocess
import sys

import pytest

import craton
from craton import CHAT

pytestmark = pytest.mark.sdk("AWS CLI", "awscli")
ABSENT = {case: "the CLI cannot stream" for case in ("streaming", "streaming tools", "failure in mid-stream", "cancellation")}
ABSENT["models"] = "bedrock-runtime lists no models; the bedrock service comes later"
case = pytest.mark.case
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
TOOLS = {"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": craton.WEATHER}}}]}


def aws(*arguments, secret=craton.SECRET_ACCESS_KEY):
    """Runs one command as a person would."""
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": craton.ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": secret, "AWS_MAX_ATTEMPTS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "awscli", "--endpoint-url", craton.URL, "--region", craton.REGION, "--output", "json",
         *[json.dumps(a) if isinstance(a, (dict, list)) else str(a) for a in arguments]],
        env=environment, capture_output=True, text=True, timeout=60)


def converse(prompt, *more, model=CHAT, **options):
    messages = [{"role": "user", "content": [{"text": prompt}]}] if isinstance(prompt, str) else prompt
    return aws("bedrock-runtime", "converse", "--model-id", model, "--messages", messages, *more, **options)


def answer(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(done, code):
    assert done.returncode != 0 and f"({code})" in done.stderr, done.stderr
    return done.stderr


def text(reply):
    return reply["output"]["message"]["content"][0]["text"]


@case("text")
def test_text():
    reply = answer(converse("Say good morning", "--inference-config", {"maxTokens": 50}))
    assert text(reply) == "good morning" and reply["usage"]["outputTokens"] == 2


@case("multi-turn")
@case("tools")
@case("parallel tools")
def test_tools():
    messages = [{"role": "user", "content": [{"text": "What is the weather in Paris and London?"}]}]
    message = answer(converse(messages, "--tool-config", TOOLS))["output"]["message"]
    uses = [b["toolUse"] for b in message["content"] if "toolUse" in b]
    assert [u["input"]["city"] for u in uses] == ["Paris", "London"]
    messages += [message, {"role": "user", "content": [
        {"toolResult": {"toolUseId": u["toolUseId"], "content": [{"text": t}]}} for u, t in zip(uses, ["sun", "rain"])]}]
    assert text(answer(converse(messages, "--tool-config", TOOLS))) == "The tools answered: sun; rain"


@case("structured output")
def test_structured_output():
    form = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(craton.PERSON), "name": "person"}}}}
    reply = answer(converse("A person, name: Ada, 36 years old", "--output-config", form))
    assert json.loads(text(reply)) == {"name": "Ada", "age": 36}


@case("images")
def test_images():
    content = [{"text": "What is this?"}, {"image": {"format": "png", "source": {"bytes": craton.PNG_BASE64}}}]
    assert text(answer(converse([{"role": "user", "content": content}]))).startswith("I received 1 image (image/png")


@case("reasoning")
def test_reasoning():
    fields = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    reply = answer(converse("Think about it", "--additional-model-request-fields", fields))
    assert reply["output"]["message"]["content"][0]["reasoningContent"]["reasoningText"]["signature"]


@case("text")
def test_invoke_model(tmp_path):
    body, out = tmp_path / "in.json", tmp_path / "out.json"
    body.write_text(json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50,
                                "messages": [{"role": "user", "content": "Say it works"}]}))
    answer(aws("bedrock-runtime", "invoke-model", "--model-id", CLAUDE, "--body", f"fileb://{body}", out))
    assert json.loads(out.read_text())["content"][0]["text"] == "it works"


@case("embeddings")
def test_embeddings(tmp_path):
    body, out = tmp_path / "in.json", tmp_path / "out.json"
    body.write_text(json.dumps({"inputText": "the cat sat", "dimensions": 256}))
    answer(aws("bedrock-runtime", "invoke-model", "--model-id", "amazon.titan-embed-text-v2:0", "--body", f"fileb://{body}", out))
    assert len(json.loads(out.read_text())["embedding"]) == 256


@case("token counting")
def test_count_tokens():
    counted = {"converse": {"messages": [{"role": "user", "content": [{"text": "one two three"}]}]}}
    assert answer(aws("bedrock-runtime", "count-tokens", "--model-id", CHAT, "--input", counted))["inputTokens"] == 3


@case("model names")
@pytest.mark.parametrize("name", [CHAT, "script-chat", f"us.{CLAUDE}", f"arn:aws:bedrock:us-east-1::foundation-model/{CLAUDE}"])
def test_model_names(name):
    assert text(answer(converse("Say it works", model=name))) == "it works"


@case("other upstreams")
@pytest.mark.parametrize("name", craton.FAR)
def test_other_upstreams(name):
    assert text(answer(converse("Say it works", model=name))) == "it works"


@case("wrong key")
def test_wrong_key():
    refused(converse("hi", secret="x" * 40), "InvalidSignatureException")


@case("unknown model")
def test_unknown_model():
    assert "The provided model identifier is invalid." in refused(converse("hi", model="anthropic.claude-none"), "ValidationException")


@case("malformed request")
def test_malformed_request():
    assert "role" in refused(converse([{"role": "judge", "content": [{"text": "hi"}]}]), "ValidationException")


@case("oversized request")
def test_oversized_request(tmp_path):
    body = tmp_path / "in.json"
    body.write_text(json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9,
                                "messages": [{"role": "user", "content": "x" * craton.TOO_LARGE}]}))
    refused(aws("bedrock-runtime", "invoke-model", "--model-id", CLAUDE, "--body", f"fileb://{body}", tmp_path / "out"), "ValidationException")


@case("unsupported feature")
def test_unsupported_feature():
    done = aws("bedrock-runtime", "apply-guardrail", "--guardrail-identifier", "abcdefgh", "--guardrail-version", "1",
               "--source", "INPUT", "--content", [{"text": {"text": "hi"}}])
    assert done.returncode != 0 and "ApplyGuardrail" in done.stderr


@case("rate limit")
def test_rate_limit():
    refused(converse("fail 429"), "ThrottlingException")


@case("s3 mb, cp, ls, sync and rm")
def test_s3(tmp_path):
    source, back = tmp_path / "source", tmp_path / "back"
    source.mkdir()
    (source / "small.txt").write_text("hello")
    (source / "big.bin").write_bytes(os.urandom(9 << 20))  # above the CLI's multipart threshold
    for command in (["mb", "s3://cli"], ["cp", source / "big.bin", "s3://cli/in/big.bin"], ["sync", source, "s3://cli/all"],
                    ["sync", "s3://cli/all", back]):
        done = aws("s3", *command)
        assert done.returncode == 0, done.stderr
    assert (back / "big.bin").read_bytes() == (source / "big.bin").read_bytes()
    listed = aws("s3", "ls", "s3://cli/", "--recursive")
    assert [line.split()[-1] for line in listed.stdout.splitlines()] == ["all/big.bin", "all/small.txt", "in/big.bin"]
    assert aws("s3", "rm", "s3://cli", "--recursive").returncode == 0
    assert aws("s3", "rb", "s3://cli").returncode == 0
