"""Responses by openai-python: stored chains, their events, and what survives a kill."""

import json

import openai
import pydantic
import pytest

import craton
import house
from craton import CHAT

pytestmark = pytest.mark.sdk("openai Responses (Python)", "openai")
ABSENT = {
    "embeddings": "see openai (Python): the contract's embeddings are beside Responses",
    "models": "see openai (Python): the contract's models are beside Responses",
}
case = pytest.mark.case
TOOLS = [{"type": "function", "name": "get_weather", "description": "Weather of a city.", "strict": True, "parameters": craton.WEATHER}]


class Person(pydantic.BaseModel):
    name: str
    age: int


@pytest.fixture(scope="module")
def client():
    with connect() as c:
        yield c


def connect(**options):
    return openai.OpenAI(**{"base_url": f"{craton.URL}/v1", "api_key": craton.KEY, "max_retries": 0, **options})


def ask(client, prompt, **options):
    return client.responses.create(**{"model": CHAT, "input": prompt, **options})


def calls_of(answer):
    return [item for item in answer.output if item.type == "function_call"]


@case("text")
def test_text(client):
    answer = ask(client, "Say good morning", instructions="Be brief.", metadata={"who": "ada"})
    assert answer.output_text == "good morning"
    assert answer.status == "completed" and answer.error is None
    assert answer.output[0].type == "message" and answer.output[0].role == "assistant"
    assert answer.usage.output_tokens == 2
    assert answer.usage.total_tokens == answer.usage.input_tokens + 2
    assert answer.metadata == {"who": "ada"} and answer.id.startswith("resp_")


@case("text")
def test_cut_answers_are_incomplete(client):
    answer = ask(client, "slow 40", max_output_tokens=16)
    assert answer.status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"


@case("multi-turn")
def test_multi_turn_by_items(client):
    items = [{"role": "user", "content": "Hello, my name is Ada."}]
    items += ask(client, items, store=False).output
    items.append({"role": "user", "content": "What is my name?"})
    assert ask(client, items, store=False).output_text == "Your name is Ada."


@case("stored chains")
def test_chain(client):
    first = ask(client, "Hello, my name is Ada.")
    second = ask(client, "My city is Oslo.", previous_response_id=first.id)
    third = ask(client, "What is my name?", previous_response_id=second.id)
    assert third.output_text == "Your name is Ada." and third.previous_response_id == second.id
    branch = ask(client, "What is my city?", previous_response_id=first.id)
    assert "Oslo" not in branch.output_text, "a branch does not see its sibling"


@case("stored chains")
def test_instructions_are_not_inherited(client):
    first = ask(client, "Hello", instructions="Be brief.")
    second = ask(client, "Hello again", previous_response_id=first.id)
    assert second.instructions is None
    assert second.usage.input_tokens > first.usage.input_tokens - 2


@case("get, list items and delete")
def test_stored_response(client):
    made = ask(client, "Say kept")
    kept = client.responses.retrieve(made.id)
    assert (kept.id, kept.output_text, kept.usage.output_tokens) == (made.id, "kept", 1)
    items = client.responses.input_items.list(made.id).data
    assert [i.content[0].text for i in items] == ["Say kept"]
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)
    with pytest.raises(openai.APIStatusError) as e:
        ask(client, "hi", previous_response_id=made.id)
    assert e.value.status_code in (400, 404) and made.id in e.value.message


@case("get, list items and delete")
def test_what_is_not_stored_cannot_be_fetched(client):
    made = ask(client, "Say gone", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


@case("get, list items and delete")
def test_a_credential_sees_its_tenant_only(client):
    made = ask(client, "Say secret")
    tenant = craton.admin("POST", "tenants", {"name": f"other-{made.id[-12:]}"})
    key = craton.admin("POST", "keys", {"tenant": tenant["id"], "name": "theirs", "kind": "bearer", "roles": ["developer"]})
    with connect(api_key=key["token"]) as other, pytest.raises(openai.NotFoundError):
        other.responses.retrieve(made.id)


@case("streaming")
def test_streaming(client):
    events = list(ask(client, "Count to 5", stream=True))
    kinds = [e.type for e in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert [e.sequence_number for e in events] == list(range(events[0].sequence_number, events[0].sequence_number + len(events)))
    deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
    assert len(deltas) > 2 and "".join(deltas) == "1, 2, 3, 4, 5"
    for kind in ("response.output_item.added", "response.content_part.added", "response.output_text.done",
                 "response.content_part.done", "response.output_item.done"):
        assert kinds.count(kind) == 1, kind
    final = events[-1].response
    assert final.output_text == "1, 2, 3, 4, 5" and final.usage.output_tokens == 5
    assert client.responses.retrieve(final.id).output_text == final.output_text


@case("streaming")
def test_streaming_helper(client):
    with client.responses.stream(model=CHAT, input="Count to 4") as stream:
        for _ in stream:
            pass
        assert stream.get_final_response().output_text == "1, 2, 3, 4"


@case("tools")
def test_tools(client):
    first = ask(client, "What is the weather in Paris?", tools=TOOLS)
    [call] = calls_of(first)
    assert (call.name, json.loads(call.arguments), call.status) == ("get_weather", {"city": "Paris"}, "completed")
    second = ask(client, [{"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"}],
                 tools=TOOLS, previous_response_id=first.id)
    assert second.output_text == "The tools answered: 21 degrees"


@case("parallel tools")
def test_parallel_tools(client):
    first = ask(client, "What is the weather in Paris and London?", tools=TOOLS)
    calls = calls_of(first)
    assert [json.loads(c.arguments)["city"] for c in calls] == ["Paris", "London"]
    outputs = [{"type": "function_call_output", "call_id": c.call_id, "output": t} for c, t in zip(calls, ["sun", "rain"])]
    assert ask(client, outputs, tools=TOOLS, previous_response_id=first.id).output_text == "The tools answered: sun; rain"
    single = ask(client, "What is the weather in Paris and London?", tools=TOOLS, parallel_tool_calls=False)
    assert len(calls_of(single)) == 1


@case("streaming tools")
def test_streaming_tools(client):
    with client.responses.stream(model=CHAT, input="What is the weather in Oslo and Rome?", tools=TOOLS) as stream:
        done = [e for e in stream if e.type == "response.function_call_arguments.done"]
        final = stream.get_final_response()
    assert [json.loads(e.arguments) for e in done] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert len({c.call_id for c in calls_of(final)}) == 2


@case("structured output")
def test_structured_output(client):
    answer = client.responses.parse(model=CHAT, input="A person, name: Ada, 36 years old", text_format=Person)
    assert answer.output_parsed == Person(name="Ada", age=36)


@case("images")
def test_images(client):
    answer = ask(client, [{"role": "user", "content": [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{craton.PNG_BASE64}", "detail": "low"},
    ]}])
    assert answer.output_text == f"I received {craton.SAW}."


@case("reasoning")
def test_reasoning(client):
    first = ask(client, "Think about it", reasoning={"effort": "low", "summary": "auto"}, include=["reasoning.encrypted_content"])
    assert first.output[0].type == "reasoning"
    assert first.usage.output_tokens_details.reasoning_tokens > 0
    assert first.output_text == "You said: Think about it"
    again = [{"role": "user", "content": "Think about it"}, *first.output, {"role": "user", "content": "Say fine"}]
    assert ask(client, again, reasoning={"effort": "low"}, store=False).output_text == "fine"


@case("model names")
@pytest.mark.parametrize("name", [CHAT, *craton.NAMES])
def test_model_names(client, name):
    assert ask(client, "Say it works", model=name).output_text == "it works"


@case("other upstreams")
@pytest.mark.parametrize("name", craton.FAR)
def test_other_upstreams(client, name):
    first = ask(client, "What is the weather in Paris and London?", model=name, tools=TOOLS)
    outputs = [{"type": "function_call_output", "call_id": c.call_id, "output": t} for c, t in zip(calls_of(first), ["sun", "rain"])]
    second = ask(client, outputs, model=name, tools=TOOLS, previous_response_id=first.id)
    assert second.output_text == "The tools answered: sun; rain"
    events = list(ask(client, "Count to 4", model=name, stream=True))
    assert events[-1].response.output_text == "1, 2, 3, 4" and events[-1].response.usage.output_tokens == 4


@case("wrong key")
def test_wrong_key():
    with connect(api_key="ck-wrong") as wrong, pytest.raises(openai.AuthenticationError) as e:
        ask(wrong, "hi")
    assert (e.value.status_code, e.value.code) == (401, "invalid_api_key")


@case("unknown model")
def test_unknown_model(client):
    with pytest.raises(openai.NotFoundError) as e:
        ask(client, "hi", model="script/none")
    assert e.value.code == "model_not_found"


@case("malformed request")
def test_malformed_request(client):
    with pytest.raises(openai.BadRequestError) as e:
        ask(client, [{"type": "function_call_output", "output": "no call_id"}])
    assert e.value.type == "invalid_request_error" and "call_id" in (e.value.param or "") + e.value.message
    with pytest.raises(openai.APIStatusError) as e:
        ask(client, "hi", previous_response_id="resp_none")
    assert e.value.status_code in (400, 404) and "resp_none" in e.value.message


@case("oversized request")
def test_oversized_request(client):
    with pytest.raises(openai.APIStatusError) as e:
        ask(client, "x" * craton.TOO_LARGE)
    assert e.value.status_code == 413


@case("unsupported feature")
@pytest.mark.parametrize("options, member", [
    ({"tools": [{"type": "web_search"}]}, "tools"),
    ({"tools": [{"type": "mcp", "server_label": "a", "connector_id": "connector_gmail"}]}, "tools")])
def test_unsupported_feature(client, options, member):
    with pytest.raises(openai.BadRequestError) as e:
        ask(client, "hi", **options)
    assert e.value.code == "unsupported_value" and member in e.value.param


@case("rate limit")
def test_rate_limit(client):
    with pytest.raises(openai.RateLimitError) as e:
        ask(client, "fail 429")
    assert float(e.value.response.headers["retry-after"]) >= 1


@case("failure in mid-stream")
def test_failure_in_mid_stream(client):
    heard, last = "", None
    try:
        for event in ask(client, "fail 500 after 3", stream=True):
            last = event
            heard += event.delta if event.type == "response.output_text.delta" else ""
    except openai.APIError as e:
        assert e.message
        last = None
    assert len(heard.split()) == 3
    if last is not None:
        assert last.type == "response.failed" and last.response.error.message


@case("cancellation")
def test_cancellation(lone_key):
    with connect(api_key=lone_key["token"]) as client:
        heard = 0
        with ask(client, "slow 400", stream=True) as stream:
            for event in stream:
                heard += event.type == "response.output_text.delta"
                if heard == 3:
                    break
    craton.abandoned(lone_key, heard)


@case("a chain survives kill -9")
def test_chain_survives_a_kill(tmp_path):
    server = house.Server(tmp_path)
    try:
        with connect(base_url=f"{server.start()}/v1") as client:
            first = ask(client, "Hello, my name is Ada.")
            streamed = list(ask(client, "My city is Oslo.", previous_response_id=first.id, stream=True))[-1].response
        server.kill()
        with connect(base_url=f"{server.start()}/v1") as client:
            assert client.responses.retrieve(streamed.id).output_text == streamed.output_text
            third = ask(client, "What is my name?", previous_response_id=streamed.id)
            assert third.output_text == "Your name is Ada."
            fourth = ask(client, "What is my city?", previous_response_id=third.id)
            assert fourth.output_text == "Your city is Oslo."
    finally:
        server.kill()
