"""InvokeModel, its stream and async invokes by boto3: the native bodies of the families."""

import json

import botocore.exceptions
import pytest

import amazon
import craton
from test_bedrock_converse import refused

pytestmark = pytest.mark.sdk("boto3 InvokeModel", "boto3")
ABSENT = {
    "models": "bedrock-runtime lists no models; the bedrock service comes later",
}
case = pytest.mark.case
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
GPT = "openai.gpt-oss-120b-1:0"
NOVA = "amazon.nova-lite-v1:0"
LLAMA = "meta.llama3-1-8b-instruct-v1:0"
MISTRAL = "mistral.mistral-7b-instruct-v0:2"
MISTRAL_CHAT = "mistral.mistral-large-2402-v1:0"


def claude(prompt, **more):
    return {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 2000, "messages": [{"role": "user", "content": prompt}], **more}


def chat(prompt, **more):
    return {"messages": [{"role": "user", "content": prompt}], **more}


def nova(prompt, **more):
    return {"schemaVersion": "messages-v1", "messages": [{"role": "user", "content": [{"text": prompt}]}], **more}


def llama(prompt):
    return {"prompt": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n" + prompt
            + "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n", "max_gen_len": 500}


def mistral(prompt):
    return {"prompt": f"<s>[INST] {prompt} [/INST]", "max_tokens": 500}


# Each family: its model, its body of a prompt, and where its answer and the chunks of its stream hold text.
FAMILIES = {
    "anthropic": (CLAUDE, claude, lambda a: a["content"][0]["text"], lambda c: c.get("delta", {}).get("text", "")),
    "openai": (GPT, chat, lambda a: a["choices"][0]["message"]["content"],
               lambda c: "".join(x["delta"].get("content") or "" for x in c.get("choices", []))),
    "nova": (NOVA, nova, lambda a: a["output"]["message"]["content"][0]["text"],
             lambda c: c.get("contentBlockDelta", {}).get("delta", {}).get("text", "")),
    "llama": (LLAMA, llama, lambda a: a["generation"], lambda c: c["generation"]),
    "mistral": (MISTRAL, mistral, lambda a: a["outputs"][0]["text"], lambda c: "".join(o["text"] for o in c["outputs"])),
    "mistral chat": (MISTRAL_CHAT, chat, lambda a: a["choices"][0]["message"]["content"],
                     lambda c: "".join((x.get("message") or x.get("delta") or {}).get("content") or "" for x in c.get("choices", []))),
}
family = pytest.mark.parametrize("name", FAMILIES)


@pytest.fixture(scope="module")
def client():
    return amazon.client()


def invoke(client, model, body):
    answer = client.invoke_model(modelId=model, body=json.dumps(body), contentType="application/json", accept="application/json")
    return json.loads(answer["body"].read()), answer["ResponseMetadata"]["HTTPHeaders"]


def chunks(client, model, body):
    answer = client.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))
    return [json.loads(e["chunk"]["bytes"]) for e in answer["body"]]


@case("text")
@family
def test_text(client, name):
    model, body, text, _ = FAMILIES[name]
    answer, headers = invoke(client, model, body("Say good morning"))
    assert text(answer).strip() == "good morning"
    assert headers["x-amzn-bedrock-output-token-count"] == "2"
    assert int(headers["x-amzn-bedrock-input-token-count"]) > 0
    assert int(headers["x-amzn-bedrock-invocation-latency"]) >= 0


@case("multi-turn")
@family
def test_multi_turn(client, name):
    model, body, text, _ = FAMILIES[name]
    told, answered, asked = "Hello, my name is Ada.", "Hello Ada.", "What is my name?"
    if name == "llama":
        begin, end = "<|start_header_id|>", "<|end_header_id|>\n\n"
        request = body(f"{told}<|eot_id|>{begin}assistant{end}{answered}<|eot_id|>{begin}user{end}{asked}")
    elif name == "mistral":
        request = body(f"{told} [/INST] {answered}</s>[INST] {asked}")
    else:
        request, last = body(told), body(asked)["messages"]
        said = [{"text": answered}] if name == "nova" else answered
        request["messages"] += [{"role": "assistant", "content": said}, *last]
    assert text(invoke(client, model, request)[0]).strip() == "Your name is Ada."


@case("token counting")
def test_count_tokens(client):
    body = json.dumps(claude("one two three", system="four five"))
    assert client.count_tokens(modelId=CLAUDE, input={"invokeModel": {"body": body}})["inputTokens"] == 5


@case("streaming")
@family
def test_streaming(client, name):
    model, body, _, text = FAMILIES[name]
    found = chunks(client, model, body("Count to 5"))
    texts = [t for t in map(text, found) if t]
    assert len(texts) > 2 and "".join(texts).strip() == "1, 2, 3, 4, 5"
    assert found[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 5


@case("tools")
def test_tools(client):
    tools = [{"name": "get_weather", "input_schema": craton.WEATHER}]
    first, _ = invoke(client, CLAUDE, claude("What is the weather in Paris?", tools=tools))
    [use] = [b for b in first["content"] if b["type"] == "tool_use"]
    assert use["input"] == {"city": "Paris"} and first["stop_reason"] == "tool_use"
    body = claude("What is the weather in Paris?", tools=tools)
    body["messages"] += [{"role": "assistant", "content": first["content"]}, {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": use["id"], "content": "21 degrees"}]}]
    assert invoke(client, CLAUDE, body)[0]["content"][0]["text"] == "The tools answered: 21 degrees"


@case("parallel tools")
def test_parallel_tools(client):
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": craton.WEATHER}}]
    for model in (GPT, MISTRAL_CHAT):
        answer, _ = invoke(client, model, chat("What is the weather in Paris and London?", tools=tools))
        calls = answer["choices"][0]["message"]["tool_calls"]
        assert [json.loads(c["function"]["arguments"])["city"] for c in calls] == ["Paris", "London"]
    config = {"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": craton.WEATHER}}}]}
    answer, _ = invoke(client, NOVA, nova("What is the weather in Paris and London?", toolConfig=config))
    assert [b["toolUse"]["input"]["city"] for b in answer["output"]["message"]["content"] if "toolUse" in b] == ["Paris", "London"]


@case("streaming tools")
def test_streaming_tools(client):
    tools = [{"name": "get_weather", "input_schema": craton.WEATHER}]
    found = chunks(client, CLAUDE, claude("What is the weather in Oslo and Rome?", tools=tools))
    inputs = {}
    for c in found:
        if c.get("delta", {}).get("type") == "input_json_delta":
            inputs[c["index"]] = inputs.get(c["index"], "") + c["delta"]["partial_json"]
    assert [json.loads(i) for _, i in sorted(inputs.items())] == [{"city": "Oslo"}, {"city": "Rome"}]


@case("structured output")
def test_structured_output(client):
    form = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": craton.PERSON}}
    answer, _ = invoke(client, GPT, chat("A person, name: Ada, 36 years old", response_format=form))
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"name": "Ada", "age": 36}


@case("images")
def test_images(client):
    source = {"type": "base64", "media_type": "image/png", "data": craton.PNG_BASE64}
    answer, _ = invoke(client, CLAUDE, claude([{"type": "text", "text": "What is this?"}, {"type": "image", "source": source}]))
    assert answer["content"][0]["text"] == f"I received {craton.SAW}."
    body = nova("What is this?")
    body["messages"][0]["content"].append({"image": {"format": "png", "source": {"bytes": craton.PNG_BASE64}}})
    answer, _ = invoke(client, NOVA, body)
    assert answer["output"]["message"]["content"][0]["text"] == f"I received {craton.SAW}."


@case("reasoning")
def test_reasoning(client):
    answer, _ = invoke(client, CLAUDE, claude("Think about it", thinking={"type": "enabled", "budget_tokens": 1024}))
    assert [b["type"] for b in answer["content"]] == ["thinking", "text"] and answer["content"][0]["signature"]


@case("embeddings")
def test_embeddings(client):
    titan, headers = invoke(client, "amazon.titan-embed-text-v2:0", {"inputText": "the cat sat", "dimensions": 256, "normalize": True})
    assert len(titan["embedding"]) == 256 and titan["inputTextTokenCount"] == 3
    assert headers["x-amzn-bedrock-input-token-count"] == "3"
    cohere, _ = invoke(client, "cohere.embed-english-v3", {"texts": ["the cat", "a dog"], "input_type": "search_document"})
    assert len(cohere["embeddings"]) == 2 and cohere["texts"] == ["the cat", "a dog"]


@case("model names")
@pytest.mark.parametrize("model", [
    craton.CHAT, "script-chat", CLAUDE, "us." + CLAUDE, f"arn:aws:bedrock:us-east-1::foundation-model/{CLAUDE}"])
def test_model_names(client, model):
    assert invoke(client, model, claude("Say it works"))[0]["content"][0]["text"] == "it works"


@case("other upstreams")
@pytest.mark.parametrize("model", craton.FAR)
def test_other_upstreams(client, model):
    assert invoke(client, model, claude("Say it works"))[0]["content"][0]["text"] == "it works"
    assert "".join(FAMILIES["anthropic"][3](c) for c in chunks(client, model, claude("Count to 4"))) == "1, 2, 3, 4"


@case("wrong key")
def test_wrong_key():
    refused(lambda: invoke(amazon.client(secret="x" * 40), CLAUDE, claude("hi")), "InvalidSignatureException", 403)


@case("unknown model")
def test_unknown_model(client):
    message = refused(lambda: invoke(client, "anthropic.claude-none", claude("hi")), "ValidationException", 400)
    assert message.startswith("The provided model identifier is invalid.")


@case("malformed request")
def test_malformed_request(client):
    refused(lambda: client.invoke_model(modelId=CLAUDE, body=b"{"), "ValidationException", 400)
    body = claude("hi")
    del body["max_tokens"]
    assert "max_tokens" in refused(lambda: invoke(client, CLAUDE, body), "ValidationException", 400)


@case("oversized request")
def test_oversized_request(client):
    refused(lambda: invoke(client, CLAUDE, claude("x" * craton.TOO_LARGE)), "ValidationException", 400)


@case("unsupported feature")
def test_unsupported_feature(client):
    message = refused(lambda: client.invoke_model_with_response_stream(
        modelId="amazon.titan-embed-text-v2:0", body=json.dumps({"inputText": "hi"})), "ValidationException", 400)
    assert "stream" in message


@case("rate limit")
def test_rate_limit(client):
    with pytest.raises(client.exceptions.ThrottlingException) as e:
        invoke(client, NOVA, nova("fail 429"))
    assert float(e.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) >= 1


@case("failure in mid-stream")
@family
def test_failure_in_mid_stream(client, name):
    model, body, _, text = FAMILIES[name]
    heard = ""
    with pytest.raises(botocore.exceptions.EventStreamError):
        for event in client.invoke_model_with_response_stream(modelId=model, body=json.dumps(body("fail 500 after 3")))["body"]:
            heard += text(json.loads(event["chunk"]["bytes"]))
    assert len(heard.split()) == 3


@case("cancellation")
def test_cancellation(lone_aws_key):
    client = amazon.client(key=lone_aws_key["access_key_id"], secret=lone_aws_key["secret_access_key"])
    stream, heard = client.invoke_model_with_response_stream(modelId=LLAMA, body=json.dumps(llama("slow 400")))["body"], 0
    for event in stream:
        heard += bool(json.loads(event["chunk"]["bytes"])["generation"])
        if heard == 3:
            break
    stream.close()
    craton.abandoned(lone_aws_key, heard)


@case("async invokes to the object space")
def test_async_invoke(client):
    store = amazon.s3()
    store.create_bucket(Bucket="async-answers")
    started = client.start_async_invoke(modelId=CLAUDE, modelInput=claude("Say later"),
                                        outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://async-answers/out"}})
    arn = started["invocationArn"]
    done = craton.eventually(lambda: (j := client.get_async_invoke(invocationArn=arn))["status"] != "InProgress" and j)
    assert done["status"] == "Completed", done
    assert arn in [j["invocationArn"] for j in client.list_async_invokes()["asyncInvokeSummaries"]]
    found = [o["Key"] for o in store.list_objects_v2(Bucket="async-answers", Prefix="out/")["Contents"]]
    bodies = [store.get_object(Bucket="async-answers", Key=k)["Body"].read() for k in found]
    assert any(b"later" in b for b in bodies), (found, bodies)
