"""Chat Completions, Embeddings and Models by openai-python."""

import json

import aws_bedrock_token_generator
import botocore.credentials
import openai
import pydantic
import pytest

import craton
from craton import CHAT

pytestmark = pytest.mark.sdk("openai (Python)", "openai")
ABSENT = {"token counting": "OpenAI's contract counts no tokens of a chat"}
case = pytest.mark.case
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Weather of a city.", "strict": True, "parameters": craton.WEATHER}}]


class Person(pydantic.BaseModel):
    name: str
    age: int


def connect(**options):
    return openai.OpenAI(**{"base_url": f"{craton.URL}/v1", "api_key": craton.KEY, "max_retries": 0, **options})


@pytest.fixture(scope="module")
def client():
    with connect() as c:
        yield c


def ask(client, prompt, **options):
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, (str,)) else prompt
    return client.chat.completions.create(**{"model": CHAT, "messages": messages, **options})


@case("text")
def test_text(client):
    answer = ask(client, [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Say good morning"}])
    assert answer.choices[0].message.content == "good morning"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.role == "assistant"
    assert answer.usage.completion_tokens == 2
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 2
    assert answer._request_id
    assert answer.object == "chat.completion"


@case("text")
def test_several_choices_stop_and_length(client):
    answer = ask(client, "Say one two three", n=2, seed=7)
    assert [c.message.content for c in answer.choices] == ["one two three"] * 2
    assert [c.index for c in answer.choices] == [0, 1]
    cut = ask(client, "Say one two three", max_completion_tokens=2)
    assert (cut.choices[0].message.content.strip(), cut.choices[0].finish_reason) == ("one two", "length")
    stopped = ask(client, "Say one two three", stop=[" two"])
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == ("one", "stop")


@case("log probabilities")
def test_logprobs(client):
    answer = ask(client, "Say one two", logprobs=True, top_logprobs=2)
    tokens = answer.choices[0].logprobs.content
    assert "".join(t.token for t in tokens) == "one two"
    assert all(t.logprob <= 0 for t in tokens)


@case("multi-turn")
def test_multi_turn(client):
    messages = [{"role": "user", "content": "Hello, my name is Ada."}]
    first = ask(client, messages)
    messages += [first.choices[0].message, {"role": "user", "content": "What is my name?"}]
    assert ask(client, messages).choices[0].message.content == "Your name is Ada."


@case("streaming")
def test_streaming(client):
    texts, finishes, usages = [], [], []
    for chunk in ask(client, "Count to 5", stream=True, stream_options={"include_usage": True}):
        assert chunk.object == "chat.completion.chunk"
        usages.append(chunk.usage)
        for choice in chunk.choices:
            finishes.append(choice.finish_reason)
            texts.append(choice.delta.content or "")
    assert "".join(texts) == "1, 2, 3, 4, 5"
    assert len([t for t in texts if t]) > 2
    assert finishes[-1] == "stop" and not any(finishes[:-1])
    assert usages[-1].completion_tokens == 5 and not any(usages[:-1])


@case("streaming")
def test_streaming_without_usage(client):
    chunks = list(ask(client, "Count to 3", stream=True))
    assert all(chunk.choices for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)


@case("streaming")
def test_streaming_helper(client):
    with client.chat.completions.stream(model=CHAT, messages=[{"role": "user", "content": "Count to 4"}]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "1, 2, 3, 4"
    assert kinds.count("content.delta") > 2 and "content.done" in kinds


@case("tools")
def test_tools(client):
    messages = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = ask(client, messages, tools=TOOLS)
    assert first.choices[0].finish_reason == "tool_calls"
    [call] = first.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    messages += [first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}]
    second = ask(client, messages, tools=TOOLS)
    assert second.choices[0].message.content == "The tools answered: 21 degrees"
    assert second.choices[0].finish_reason == "stop"


@case("tools")
def test_tool_choice(client):
    none = ask(client, "What is the weather in Paris?", tools=TOOLS, tool_choice="none")
    assert none.choices[0].message.tool_calls is None
    forced = ask(client, "Hello", tools=TOOLS, tool_choice={"type": "function", "function": {"name": "get_weather"}})
    assert forced.choices[0].message.tool_calls[0].function.name == "get_weather"


@case("parallel tools")
def test_parallel_tools(client):
    messages = [{"role": "user", "content": "What is the weather in Paris and London?"}]
    first = ask(client, messages, tools=TOOLS)
    calls = first.choices[0].message.tool_calls
    assert [json.loads(c.function.arguments)["city"] for c in calls] == ["Paris", "London"]
    assert calls[0].id != calls[1].id
    messages.append(first.choices[0].message)
    messages += [{"role": "tool", "tool_call_id": c.id, "content": t} for c, t in zip(calls, ["sun", "rain"])]
    assert ask(client, messages, tools=TOOLS).choices[0].message.content == "The tools answered: sun; rain"
    single = ask(client, "What is the weather in Paris and London?", tools=TOOLS, parallel_tool_calls=False)
    assert len(single.choices[0].message.tool_calls) == 1


@case("streaming tools")
def test_streaming_tools(client):
    prompt = [{"role": "user", "content": "What is the weather in Oslo and Rome?"}]
    with client.chat.completions.stream(model=CHAT, messages=prompt, tools=TOOLS) as stream:
        done = [e for e in stream if e.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion()
    assert [json.loads(e.arguments) for e in done] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert [c.function.name for c in final.choices[0].message.tool_calls] == ["get_weather"] * 2
    assert final.choices[0].finish_reason == "tool_calls"


@case("structured output")
def test_structured_output(client):
    prompt = [{"role": "user", "content": "A person, name: Ada, 36 years old"}]
    answer = client.chat.completions.parse(model=CHAT, messages=prompt, response_format=Person)
    assert answer.choices[0].message.parsed == Person(name="Ada", age=36)
    loose = ask(client, "Hello", response_format={"type": "json_object"})
    assert isinstance(json.loads(loose.choices[0].message.content), dict)


@case("images")
def test_images(client):
    answer = ask(client, [{"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{craton.PNG_BASE64}", "detail": "low"}},
    ]}])
    assert answer.choices[0].message.content == f"I received {craton.SAW}."


@case("audio and files")
def test_audio_and_files(client):
    answer = ask(client, [{"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]}])
    assert answer.choices[0].message.content == (
        "I received 2 media: audio (audio/wav, 4 bytes), document a.pdf (application/pdf, 5 bytes).")


@case("reasoning")
def test_reasoning(client):
    answer = ask(client, "Think about it", reasoning_effort="low")
    assert answer.choices[0].message.content == "You said: Think about it"
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0


@case("embeddings")
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(client, encoding):
    texts = ["the cat sat", "the cat sat down", "stock prices fell"]
    answer = client.embeddings.create(model=craton.EMBED, input=texts, encoding_format=encoding, dimensions=32)
    if encoding == "base64":
        assert all(isinstance(d.embedding, str) for d in answer.data)
        return
    cat, near, far = (d.embedding for d in answer.data)
    dot = lambda a, b: sum(x * y for x, y in zip(a, b))
    assert len(cat) == 32 and abs(dot(cat, cat) - 1) < 1e-4
    assert dot(cat, near) > dot(cat, far)
    assert answer.usage.prompt_tokens == 10
    assert [d.index for d in answer.data] == [0, 1, 2]


@case("embeddings")
def test_embeddings_default_encoding(client):
    answer = client.embeddings.create(model=craton.EMBED, input="the cat sat")
    assert len(answer.data[0].embedding) == 64
    assert all(isinstance(x, float) for x in answer.data[0].embedding)


@case("models")
def test_models(client):
    models = client.models.list().data
    assert models[0].id == CHAT, "the default model comes first"
    assert {CHAT, craton.EMBED, *craton.FAR} <= {m.id for m in models}
    assert client.models.retrieve(CHAT).id == CHAT
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("script/none")


@case("model names")
@pytest.mark.parametrize("name", [CHAT, *craton.NAMES])
def test_model_names(client, name):
    assert ask(client, "Say it works", model=name).choices[0].message.content == "it works"


@case("model names")
def test_an_ambiguous_name_is_refused_with_its_candidates(client):
    with pytest.raises(openai.BadRequestError) as e:
        ask(client, "hi", model="twin")
    assert e.value.code == "model_ambiguous" and e.value.param == "model"
    assert "viaanthropic/twin" in e.value.message and "viaopenai/twin" in e.value.message


@case("other upstreams")
@pytest.mark.parametrize("name", craton.FAR)
def test_other_upstreams(client, name):
    chunks = list(ask(client, "Count to 4", model=name, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "1, 2, 3, 4"
    assert chunks[-1].usage.completion_tokens == 4
    messages = [{"role": "user", "content": "What is the weather in Paris and London?"}]
    first = ask(client, messages, model=name, tools=TOOLS)
    calls = first.choices[0].message.tool_calls
    assert [json.loads(c.function.arguments)["city"] for c in calls] == ["Paris", "London"]
    messages.append(first.choices[0].message)
    messages += [{"role": "tool", "tool_call_id": c.id, "content": t} for c, t in zip(calls, ["sun", "rain"])]
    assert ask(client, messages, model=name, tools=TOOLS).choices[0].message.content == "The tools answered: sun; rain"
    parsed = client.chat.completions.parse(model=name, response_format=Person,
                                           messages=[{"role": "user", "content": "A person, name: Ada, 36 years old"}])
    assert parsed.choices[0].message.parsed == Person(name="Ada", age=36)
    with pytest.raises(openai.RateLimitError):
        ask(client, "fail 429", model=name)


@case("short-term Bedrock key")
def test_short_term_key():
    credentials = botocore.credentials.Credentials(craton.ACCESS_KEY_ID, craton.SECRET_ACCESS_KEY)
    key = aws_bedrock_token_generator.BedrockTokenGenerator().get_token(credentials, craton.REGION)
    with connect(api_key=key) as c:
        assert ask(c, "Say good morning").choices[0].message.content == "good morning"
    with connect(api_key=key[:-8] + "AAAAAAA=") as c, pytest.raises(openai.AuthenticationError):
        ask(c, "Say good morning")


@case("wrong key")
def test_wrong_key():
    with connect(api_key="ck-wrong") as wrong, pytest.raises(openai.AuthenticationError) as e:
        ask(wrong, "hi")
    assert (e.value.status_code, e.value.code) == (401, "invalid_api_key")
    assert e.value.request_id and "ck-wrong" not in e.value.message


@case("unknown model")
def test_unknown_model(client):
    with pytest.raises(openai.NotFoundError) as e:
        ask(client, "hi", model="script/none")
    assert (e.value.code, e.value.param) == ("model_not_found", "model")
    assert "script/none" in e.value.message or "none" in e.value.message


@case("malformed request")
def test_malformed_request(client):
    with pytest.raises(openai.BadRequestError) as e:
        ask(client, "hi", temperature="warm")
    assert e.value.type == "invalid_request_error" and e.value.param == "temperature"
    with pytest.raises(openai.BadRequestError) as e:
        ask(client, [])
    assert e.value.param == "messages"


@case("oversized request")
def test_oversized_request(client):
    with pytest.raises(openai.APIStatusError) as e:
        ask(client, "x" * craton.TOO_LARGE)
    assert (e.value.status_code, e.value.code) == (413, "request_too_large")
    assert "8388608" in e.value.message or "8 MiB" in e.value.message


@case("unsupported feature")
def test_unsupported_feature(client):
    with pytest.raises(openai.BadRequestError) as e:
        ask(client, "hi", modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"})
    assert e.value.code == "unsupported_value" and "cannot speak" in e.value.message
    with pytest.raises(openai.NotFoundError) as e:
        client.images.generate(model=CHAT, prompt="a cat")
    assert "images/generations" in e.value.message


@case("rate limit")
def test_rate_limit(client):
    with pytest.raises(openai.RateLimitError) as e:
        ask(client, "fail 429")
    assert (e.value.status_code, e.value.code) == (429, "rate_limit_exceeded")
    assert float(e.value.response.headers["retry-after"]) >= 1
    assert "fail" in e.value.message


@case("rate limit")
def test_upstream_failures_have_their_own_types(client):
    with pytest.raises(openai.InternalServerError) as e:
        ask(client, "fail 500")
    assert e.value.status_code == 502
    with pytest.raises(openai.BadRequestError) as e:
        ask(client, "fail context_length")
    assert e.value.code == "context_length_exceeded"


@case("failure in mid-stream")
@pytest.mark.parametrize("name", [CHAT, *craton.FAR])
def test_failure_in_mid_stream(client, name):
    heard = ""
    with pytest.raises(openai.APIError) as e:
        for chunk in ask(client, "fail 500 after 3", stream=True, model=name):
            heard += chunk.choices[0].delta.content or ""
    assert len(heard.split()) == 3
    assert e.value.message and "Traceback" not in e.value.message


@case("cancellation")
@pytest.mark.parametrize("name", [CHAT, craton.FAR[0], craton.FAR[1]])
def test_cancellation(lone_key, name):
    with connect(api_key=lone_key["token"]) as client:
        heard = 0
        with ask(client, "slow 400", stream=True, model=name) as stream:
            for chunk in stream:
                heard += bool(chunk.choices and chunk.choices[0].delta.content)
                if heard == 3:
                    break
    craton.abandoned(lone_key, heard)


@case("asynchronous client")
def test_async_client():
    import asyncio

    async def several():
        async with openai.AsyncOpenAI(base_url=f"{craton.URL}/v1", api_key=craton.KEY) as client:
            return await asyncio.gather(*(ask(client, f"Say number {i}") for i in range(8)))

    assert [a.choices[0].message.content for a in asyncio.run(several())] == [f"number {i}" for i in range(8)]
