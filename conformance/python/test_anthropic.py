"""Messages, count_tokens and Models by anthropic-sdk-python."""

import json

import anthropic
import pydantic
import pytest

import craton
from craton import CHAT

pytestmark = pytest.mark.sdk("anthropic (Python)", "anthropic")
ABSENT = {"embeddings": "Anthropic's contract has no embeddings"}
case = pytest.mark.case
TOOLS = [{"name": "get_weather", "description": "Weather of a city.", "input_schema": craton.WEATHER}]


class Person(pydantic.BaseModel):
    name: str
    age: int


@pytest.fixture(scope="module", params=["/anthropic", ""])
def client(request):
    with connect(base_url=craton.URL + request.param) as c:
        yield c


def connect(**options):
    return anthropic.Anthropic(**{"base_url": f"{craton.URL}/anthropic", "api_key": craton.KEY, "max_retries": 0, **options})


def request(prompt, **options):
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return {"model": CHAT, "max_tokens": 2000, "messages": messages, **options}


def ask(client, prompt, **options):
    return client.messages.create(**request(prompt, **options))


def results(answer, *texts):
    uses = [b for b in answer.content if b.type == "tool_use"]
    assert len(uses) == len(texts)
    return [{"type": "tool_result", "tool_use_id": u.id, "content": t} for u, t in zip(uses, texts)]


@case("text")
def test_text(client):
    answer = ask(client, "Say good morning", system="Be brief.")
    assert [b.text for b in answer.content] == ["good morning"]
    assert (answer.role, answer.type, answer.stop_reason) == ("assistant", "message", "end_turn")
    assert answer.usage.output_tokens == 2 and answer.usage.input_tokens > 0
    assert answer._request_id


@case("text")
def test_stop_and_length(client):
    cut = ask(client, "Say one two three", max_tokens=2)
    assert (cut.content[0].text.strip(), cut.stop_reason) == ("one two", "max_tokens")
    stopped = ask(client, "Say one two three", stop_sequences=[" two"])
    assert (stopped.content[0].text, stopped.stop_reason, stopped.stop_sequence) == ("one", "stop_sequence", " two")


@case("multi-turn")
def test_multi_turn(client):
    messages = [{"role": "user", "content": "Hello, my name is Ada."}]
    first = ask(client, messages)
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": "What is my name?"}]
    assert ask(client, messages).content[0].text == "Your name is Ada."


@case("streaming")
def test_streaming(client):
    with client.messages.stream(**request("Count to 5")) as stream:
        deltas = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(deltas) > 2 and "".join(deltas) == "1, 2, 3, 4, 5"
    assert final.content[0].text == "1, 2, 3, 4, 5" and final.stop_reason == "end_turn"
    assert final.usage.output_tokens == 5


@case("streaming")
def test_raw_events_and_their_order(client):
    events = list(ask(client, "Count to 3", stream=True))
    kinds = [e.type for e in events if e.type != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}


@case("tools")
def test_tools(client):
    messages = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = ask(client, messages, tools=TOOLS)
    assert first.stop_reason == "tool_use"
    [use] = [b for b in first.content if b.type == "tool_use"]
    assert (use.name, use.input) == ("get_weather", {"city": "Paris"})
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results(first, "21 degrees")}]
    second = ask(client, messages, tools=TOOLS)
    assert second.content[0].text == "The tools answered: 21 degrees" and second.stop_reason == "end_turn"


@case("tools")
def test_tool_choice(client):
    none = ask(client, "What is the weather in Paris?", tools=TOOLS, tool_choice={"type": "none"})
    assert none.stop_reason == "end_turn"
    forced = ask(client, "Hello", tools=TOOLS, tool_choice={"type": "tool", "name": "get_weather"})
    assert forced.stop_reason == "tool_use"


@case("parallel tools")
def test_parallel_tools(client):
    messages = [{"role": "user", "content": "What is the weather in Paris and London?"}]
    first = ask(client, messages, tools=TOOLS)
    assert [b.input["city"] for b in first.content if b.type == "tool_use"] == ["Paris", "London"]
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results(first, "sun", "rain")}]
    assert ask(client, messages, tools=TOOLS).content[0].text == "The tools answered: sun; rain"
    single = ask(client, "What is the weather in Paris and London?", tools=TOOLS,
                 tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    assert len(results(single, "sun")) == 1


@case("streaming tools")
def test_streaming_tools(client):
    with client.messages.stream(**request("What is the weather in Oslo and Rome?", tools=TOOLS)) as stream:
        pieces = [e.partial_json for e in stream if e.type == "input_json"]
        final = stream.get_final_message()
    uses = [b for b in final.content if b.type == "tool_use"]
    assert [u.input for u in uses] == [{"city": "Oslo"}, {"city": "Rome"}] and uses[0].id != uses[1].id
    assert "".join(pieces).count("city") == 2
    assert final.stop_reason == "tool_use"


@case("structured output")
def test_structured_output(client):
    prompt = "A person, name: Ada, 36 years old"
    answer = client.messages.parse(**request(prompt, output_format=Person))
    assert answer.parsed_output == Person(name="Ada", age=36)
    plain = ask(client, prompt, output_config={"format": {"type": "json_schema", "schema": craton.PERSON}})
    assert json.loads(plain.content[0].text) == {"name": "Ada", "age": 36}


@case("images")
def test_images(client):
    source = {"type": "base64", "media_type": "image/png", "data": craton.PNG_BASE64}
    answer = ask(client, [{"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]}])
    assert answer.content[0].text == f"I received {craton.SAW}."


@case("documents")
def test_documents(client):
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    answer = ask(client, [{"role": "user", "content": [{"type": "document", "source": source}, {"type": "text", "text": "What is this?"}]}])
    assert "application/pdf, 5 bytes" in answer.content[0].text


@case("reasoning")
def test_thinking(client):
    options = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    messages = [{"role": "user", "content": "Think about it"}]
    with client.messages.stream(**request(messages, **options)) as stream:
        kinds = [e.type for e in stream]
        first = stream.get_final_message()
    assert [b.type for b in first.content] == ["thinking", "text"]
    assert "Think about it" in first.content[0].thinking and first.content[0].signature
    assert "thinking" in kinds and "signature" in kinds
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": "Say fine"}]
    assert ask(client, messages, **options).content[-1].text == "fine"
    messages[1]["content"][0].thinking = "Something else"
    with pytest.raises(anthropic.BadRequestError) as e:
        ask(client, messages, **options)
    assert "signature" in e.value.message


@case("cache control")
def test_cache_control(client):
    system = [{"type": "text", "text": "word " * 50, "cache_control": {"type": "ephemeral"}}]
    messages = [{"role": "user", "content": "Say one"}]
    first = ask(client, messages, system=system)
    assert first.usage.cache_creation_input_tokens == 50 and first.usage.cache_read_input_tokens == 0
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": "Say two"}]
    second = ask(client, messages, system=system)
    assert second.usage.cache_read_input_tokens == 50 and second.usage.cache_creation_input_tokens == 0


@case("token counting")
def test_count_tokens(client):
    count = client.messages.count_tokens(model=CHAT, messages=[{"role": "user", "content": "one two three"}], system="four five")
    assert count.input_tokens == 5


@case("models")
def test_models():
    with connect() as client:
        models = client.models.list(limit=1000).data
        assert models[0].id == CHAT and models[0].type == "model" and models[0].display_name
        assert set(craton.FAR) <= {m.id for m in models}
        assert client.models.retrieve(CHAT).id == CHAT
        with pytest.raises(anthropic.NotFoundError):
            client.models.retrieve("script/none")


@case("models")
def test_models_without_the_prefix():
    with connect(base_url=craton.URL) as client:
        assert client.models.list().data[0].display_name
        assert [m.id for m in client.models.list(limit=2)][:1] == [CHAT]


@case("model names")
@pytest.mark.parametrize("name", [CHAT, *craton.NAMES])
def test_model_names(client, name):
    assert ask(client, "Say it works", model=name).content[0].text == "it works"


@case("other upstreams")
@pytest.mark.parametrize("name", craton.FAR)
def test_other_upstreams(client, name):
    with client.messages.stream(**request("Count to 4", model=name)) as stream:
        final = stream.get_final_message()
    assert final.content[0].text == "1, 2, 3, 4" and final.usage.output_tokens == 4 and final.usage.input_tokens == 3
    messages = [{"role": "user", "content": "What is the weather in Paris and London?"}]
    first = ask(client, messages, model=name, tools=TOOLS)
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results(first, "sun", "rain")}]
    assert ask(client, messages, model=name, tools=TOOLS).content[0].text == "The tools answered: sun; rain"


@case("wrong key")
def test_wrong_key():
    with connect(api_key="ck-wrong") as wrong, pytest.raises(anthropic.AuthenticationError) as e:
        ask(wrong, "hi")
    assert e.value.status_code == 401 and e.value.body["error"]["type"] == "authentication_error"
    assert e.value.request_id


@case("wrong key")
def test_bearer_tokens_are_keys_too():
    with connect(api_key=None, auth_token=craton.KEY) as client:
        assert ask(client, "Say yes").content[0].text == "yes"


@case("unknown model")
def test_unknown_model(client):
    with pytest.raises(anthropic.NotFoundError) as e:
        ask(client, "hi", model="script/none")
    assert e.value.body["error"]["type"] == "not_found_error" and "none" in e.value.message


@case("malformed request")
def test_malformed_request(client):
    for options, word in (({"max_tokens": 0}, "max_tokens"), ({"messages": []}, "messages"), ({"extra_body": {"top_k": "many"}}, "top_k")):
        with pytest.raises(anthropic.BadRequestError) as e:
            ask(client, "hi", **options)
        assert e.value.body["error"]["type"] == "invalid_request_error" and word in e.value.message


@case("oversized request")
def test_oversized_request(client):
    with pytest.raises(anthropic.APIStatusError) as e:
        ask(client, "x" * craton.TOO_LARGE)
    assert e.value.status_code == 413 and e.value.body["error"]["type"] == "request_too_large"


@case("unsupported feature")
def test_unsupported_feature(client):
    with pytest.raises(anthropic.BadRequestError) as e:
        ask(client, "hi", tools=[{"type": "web_search_20250305", "name": "web_search"}])
    assert e.value.body["error"]["type"] == "invalid_request_error" and "web_search" in e.value.message


@case("rate limit")
def test_rate_limit(client):
    with pytest.raises(anthropic.RateLimitError) as e:
        ask(client, "fail 429")
    assert e.value.status_code == 429 and e.value.body["error"]["type"] == "rate_limit_error"
    assert float(e.value.response.headers["retry-after"]) >= 1
    with pytest.raises(anthropic.InternalServerError) as e:
        ask(client, "fail overloaded")
    assert e.value.status_code == 529 and e.value.body["error"]["type"] == "overloaded_error"


@case("failure in mid-stream")
@pytest.mark.parametrize("name", [CHAT, *craton.FAR])
def test_failure_in_mid_stream(client, name):
    heard = ""
    with pytest.raises(anthropic.APIStatusError) as e:
        with client.messages.stream(**request("fail 500 after 3", model=name)) as stream:
            for text in stream.text_stream:
                heard += text
    assert len(heard.split()) == 3
    assert e.value.body["error"]["type"] == "api_error"


@case("cancellation")
@pytest.mark.parametrize("name", [CHAT, craton.FAR[0], craton.FAR[1]])
def test_cancellation(lone_key, name):
    heard = 0
    with connect(api_key=lone_key["token"]) as client, client.messages.stream(**request("slow 400", model=name)) as stream:
        for _ in stream.text_stream:
            heard += 1
            if heard == 3:
                break
    craton.abandoned(lone_key, heard)
