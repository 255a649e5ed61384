"""Converse, ConverseStream and CountTokens by boto3."""

import json
import os

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

import amazon
import craton
from craton import CHAT

pytestmark = pytest.mark.sdk("boto3 Converse", "boto3")
ABSENT = {
    "embeddings": "Converse makes no embeddings; see boto3 InvokeModel",
    "models": "bedrock-runtime lists no models; the bedrock service comes later",
}
case = pytest.mark.case
TOOLS = {"tools": [{"toolSpec": {"name": "get_weather", "description": "Weather of a city.", "inputSchema": {"json": craton.WEATHER}}}]}


@pytest.fixture(scope="module")
def client():
    return amazon.client()


def request(prompt, **options):
    messages = [{"role": "user", "content": [{"text": prompt}]}] if isinstance(prompt, str) else prompt
    return {"modelId": CHAT, "messages": messages, **options}


def ask(client, prompt, **options):
    return client.converse(**request(prompt, **options))


def text(answer):
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])


def uses(message):
    return [block["toolUse"] for block in message["content"] if "toolUse" in block]


def results(message, *texts):
    found = uses(message)
    assert len(found) == len(texts)
    return {"role": "user", "content": [
        {"toolResult": {"toolUseId": u["toolUseId"], "content": [{"text": t}], "status": "success"}} for u, t in zip(found, texts)]}


def refused(call, code, status):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        call()
    answer = e.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), answer
    return answer["Error"]["Message"]


def heard(stream):
    """The texts, tool inputs and other events of a stream."""
    texts, inputs, others = [], {}, {}
    for event in stream:
        [(kind, body)] = event.items()
        if kind == "contentBlockDelta" and "text" in body["delta"]:
            texts.append(body["delta"]["text"])
        elif kind == "contentBlockDelta" and "toolUse" in body["delta"]:
            inputs[body["contentBlockIndex"]] = inputs.get(body["contentBlockIndex"], "") + body["delta"]["toolUse"]["input"]
        else:
            others.setdefault(kind, []).append(body)
    return texts, inputs, others


@case("text")
def test_text(client):
    answer = ask(client, "Say good morning", system=[{"text": "Be brief."}], inferenceConfig={"temperature": 0.5, "topP": 0.9})
    assert text(answer) == "good morning"
    assert answer["output"]["message"]["role"] == "assistant" and answer["stopReason"] == "end_turn"
    assert answer["usage"]["outputTokens"] == 2
    assert answer["usage"]["totalTokens"] == answer["usage"]["inputTokens"] + 2
    assert answer["metrics"]["latencyMs"] >= 0
    assert answer["ResponseMetadata"]["RequestId"]


@case("text")
def test_stop_and_length(client):
    cut = ask(client, "Say one two three", inferenceConfig={"maxTokens": 2})
    assert (text(cut).strip(), cut["stopReason"]) == ("one two", "max_tokens")
    stopped = ask(client, "Say one two three", inferenceConfig={"stopSequences": [" two"]})
    assert (text(stopped), stopped["stopReason"]) == ("one", "stop_sequence")


@case("text")
def test_bearer_key(monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", craton.KEY)
    client = boto3.session.Session().client(  # which sends keys over TLS only
        "bedrock-runtime", endpoint_url=os.environ["CRATON_CONFORMANCE_TLS_URL"], verify=os.environ["CRATON_CONFORMANCE_CA"],
        region_name=craton.REGION, config=Config(retries={"total_max_attempts": 1}))
    assert text(ask(client, "Say it works")) == "it works"


@case("multi-turn")
def test_multi_turn(client):
    messages = request("Hello, my name is Ada.")["messages"]
    messages += [ask(client, messages)["output"]["message"], *request("What is my name?")["messages"]]
    assert text(ask(client, messages)) == "Your name is Ada."


@case("streaming")
def test_streaming(client):
    answer = client.converse_stream(**request("Count to 5"))
    texts, _, others = heard(answer["stream"])
    assert len(texts) > 2 and "".join(texts) == "1, 2, 3, 4, 5"
    assert others["messageStart"] == [{"role": "assistant"}]
    assert others["messageStop"][0]["stopReason"] == "end_turn"
    [metadata] = others["metadata"]
    assert metadata["usage"]["outputTokens"] == 5 and metadata["metrics"]["latencyMs"] >= 0


@case("tools")
def test_tools(client):
    messages = request("What is the weather in Paris?")["messages"]
    first = ask(client, messages, toolConfig=TOOLS)
    assert first["stopReason"] == "tool_use"
    [use] = uses(first["output"]["message"])
    assert (use["name"], use["input"]) == ("get_weather", {"city": "Paris"})
    messages += [first["output"]["message"], results(first["output"]["message"], "21 degrees")]
    second = ask(client, messages, toolConfig=TOOLS)
    assert text(second) == "The tools answered: 21 degrees" and second["stopReason"] == "end_turn"


@case("tools")
def test_tool_choice_and_json_results(client):
    messages = request("Hello")["messages"]
    forced = {**TOOLS, "toolChoice": {"tool": {"name": "get_weather"}}}
    message = ask(client, messages, toolConfig=forced)["output"]["message"]
    [use] = uses(message)
    messages += [message, {"role": "user", "content": [
        {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"json": {"degrees": 21}}]}}]}]
    assert '"degrees":21' in text(ask(client, messages, toolConfig=TOOLS)).replace(" ", "")


@case("parallel tools")
def test_parallel_tools(client):
    messages = request("What is the weather in Paris and London?")["messages"]
    message = ask(client, messages, toolConfig=TOOLS)["output"]["message"]
    assert [u["input"]["city"] for u in uses(message)] == ["Paris", "London"]
    messages += [message, results(message, "sun", "rain")]
    assert text(ask(client, messages, toolConfig=TOOLS)) == "The tools answered: sun; rain"


@case("streaming tools")
def test_streaming_tools(client):
    answer = client.converse_stream(**request("What is the weather in Oslo and Rome?", toolConfig=TOOLS))
    _, inputs, others = heard(answer["stream"])
    starts = [s["start"]["toolUse"] for s in others["contentBlockStart"] if "toolUse" in s.get("start", {})]
    assert [s["name"] for s in starts] == ["get_weather"] * 2 and starts[0]["toolUseId"] != starts[1]["toolUseId"]
    assert [json.loads(i) for _, i in sorted(inputs.items())] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert others["messageStop"][0]["stopReason"] == "tool_use"


@case("structured output")
def test_structured_output(client):
    schema = {"jsonSchema": {"schema": json.dumps(craton.PERSON), "name": "person"}}
    answer = ask(client, "A person, name: Ada, 36 years old",
                 outputConfig={"textFormat": {"type": "json_schema", "structure": schema}})
    assert json.loads(text(answer)) == {"name": "Ada", "age": 36}


@case("images")
def test_images(client):
    answer = ask(client, [{"role": "user", "content": [
        {"text": "What is this?"}, {"image": {"format": "png", "source": {"bytes": craton.PNG}}}]}])
    assert text(answer) == f"I received {craton.SAW}."


@case("images")
def test_images_of_the_object_space(client):
    store = amazon.s3()
    store.create_bucket(Bucket="pictures")
    store.put_object(Bucket="pictures", Key="red dot.png", Body=craton.PNG)
    source = {"s3Location": {"uri": "s3://pictures/red dot.png"}}
    picture = [{"role": "user", "content": [{"text": "What is this?"}, {"image": {"format": "png", "source": source}}]}]
    for name in (CHAT, *craton.FAR):
        assert text(ask(client, picture, modelId=name)) == f"I received {craton.SAW}."
    source["s3Location"]["uri"] = "s3://pictures/none.png"
    assert "none.png" in refused(lambda: ask(client, picture), "ValidationException", 400)


@case("documents")
def test_documents(client):
    answer = ask(client, [{"role": "user", "content": [
        {"text": "What is this?"}, {"document": {"format": "pdf", "name": "report", "source": {"bytes": b"%PDF-"}}}]}])
    assert "report" in text(answer) and "application/pdf, 5 bytes" in text(answer)


@case("reasoning")
def test_reasoning(client):
    thinking = {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}}
    messages = request("Think about it")["messages"]
    message = ask(client, messages, **thinking)["output"]["message"]
    thought = message["content"][0]["reasoningContent"]["reasoningText"]
    assert "Think about it" in thought["text"] and thought["signature"]
    messages += [message, *request("Say fine")["messages"]]
    assert text(ask(client, messages, **thinking)) == "fine"
    thought["text"] = "Something else"
    assert "signature" in refused(lambda: ask(client, messages, **thinking), "ValidationException", 400)


@case("cache points")
def test_cache_points(client):
    system = [{"text": "word " * 50}, {"cachePoint": {"type": "default"}}]
    messages = request("Say one")["messages"]
    first = ask(client, messages, system=system)
    assert first["usage"]["cacheWriteInputTokens"] == 50 and first["usage"]["cacheReadInputTokens"] == 0
    messages += [first["output"]["message"], *request("Say two")["messages"]]
    assert ask(client, messages, system=system)["usage"]["cacheReadInputTokens"] == 50


@case("request metadata and service tiers")
def test_metadata_and_tiers(client):
    answer = ask(client, "Say fine", requestMetadata={"team": "blue"}, serviceTier={"type": "default"})
    assert text(answer) == "fine"


@case("token counting")
def test_count_tokens(client):
    counted = client.count_tokens(modelId=CHAT, input={"converse": {
        "messages": request("one two three")["messages"], "system": [{"text": "four five"}]}})
    assert counted["inputTokens"] == 5
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": "one two"}]}
    assert client.count_tokens(modelId=CHAT, input={"invokeModel": {"body": json.dumps(body)}})["inputTokens"] == 2


@case("model names")
@pytest.mark.parametrize("name", [
    CHAT, *craton.NAMES, "anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"])
def test_model_names(client, name):
    assert text(ask(client, "Say it works", modelId=name)) == "it works"
    texts, _, _ = heard(client.converse_stream(**request("Say it works", modelId=name))["stream"])
    assert "".join(texts) == "it works"


@case("other upstreams")
@pytest.mark.parametrize("name", craton.FAR)
def test_other_upstreams(client, name):
    texts, _, others = heard(client.converse_stream(**request("Count to 4", modelId=name))["stream"])
    assert "".join(texts) == "1, 2, 3, 4" and others["metadata"][0]["usage"]["outputTokens"] == 4
    messages = request("What is the weather in Paris and London?")["messages"]
    message = ask(client, messages, toolConfig=TOOLS, modelId=name)["output"]["message"]
    messages += [message, results(message, "sun", "rain")]
    assert text(ask(client, messages, toolConfig=TOOLS, modelId=name)) == "The tools answered: sun; rain"


@case("wrong key")
def test_wrong_key():
    refused(lambda: ask(amazon.client(key="AKIANOBODY0000000001"), "hi"), "UnrecognizedClientException", 403)
    refused(lambda: ask(amazon.client(secret="x" * 40), "hi"), "InvalidSignatureException", 403)


@case("unknown model")
def test_unknown_model(client):
    message = refused(lambda: ask(client, "hi", modelId="anthropic.claude-none"), "ValidationException", 400)
    assert message.startswith("The provided model identifier is invalid.")


@case("malformed request")
def test_malformed_request(client):
    refused(lambda: client.converse(modelId=CHAT, messages=[]), "ValidationException", 400)
    message = refused(lambda: ask(client, [{"role": "judge", "content": [{"text": "hi"}]}]), "ValidationException", 400)
    assert "messages.1.member.role" in message and "[user, assistant" in message


@case("oversized request")
def test_oversized_request(client):
    message = refused(lambda: ask(client, "x" * craton.TOO_LARGE), "ValidationException", 400)
    assert "8388608" in message or "8 MiB" in message


@case("unsupported feature")
def test_unsupported_feature(client):
    guarded = {"guardrailConfig": {"guardrailIdentifier": "abcdefgh", "guardrailVersion": "1"}}
    assert "uardrail" in refused(lambda: ask(client, "hi", **guarded), "ValidationException", 400)
    with pytest.raises(botocore.exceptions.ClientError) as e:
        client.apply_guardrail(guardrailIdentifier="abcdefgh", guardrailVersion="1", source="INPUT", content=[{"text": {"text": "hi"}}])
    assert "ApplyGuardrail" in e.value.response["Error"]["Message"]


@case("rate limit")
def test_rate_limit(client):
    with pytest.raises(client.exceptions.ThrottlingException) as e:
        ask(client, "fail 429")
    answer = e.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert float(answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) >= 1
    with pytest.raises(client.exceptions.ThrottlingException):
        client.converse_stream(**request("fail 429"))
    refused(lambda: ask(client, "fail 500"), "ServiceUnavailableException", 503)


@case("failure in mid-stream")
@pytest.mark.parametrize("name", [CHAT, *craton.FAR])
def test_failure_in_mid_stream(client, name):
    texts = []
    with pytest.raises(botocore.exceptions.EventStreamError) as e:
        for event in client.converse_stream(**request("fail 500 after 3", modelId=name))["stream"]:
            if "contentBlockDelta" in event:
                texts.append(event["contentBlockDelta"]["delta"]["text"])
    assert len("".join(texts).split()) == 3
    assert e.value.response["Error"]["Code"] in ("serviceUnavailableException", "modelStreamErrorException", "internalServerException")
    assert e.value.response["Error"]["Message"]


@case("cancellation")
@pytest.mark.parametrize("name", [CHAT, *craton.FAR])
def test_cancellation(lone_aws_key, name):
    client = amazon.client(key=lone_aws_key["access_key_id"], secret=lone_aws_key["secret_access_key"])
    stream, count = client.converse_stream(**request("slow 400", modelId=name))["stream"], 0
    for event in stream:
        count += "contentBlockDelta" in event
        if count == 3:
            break
    stream.close()
    craton.abandoned(lone_aws_key, count)
