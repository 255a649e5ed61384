"""What Responses keep, by openai-python: background, resumed streams, conversations, MCP tools, sockets."""

import time

import openai
import pytest

import craton
import house
from craton import CHAT

pytestmark = pytest.mark.sdk("openai Responses (Python)", "openai")
case = pytest.mark.case
DESK = {"type": "mcp", "server_label": "desk", "server_url": "craton:desk", "require_approval": {"never": {"tool_names": ["read_note", "lose_note"]}}}


@pytest.fixture(scope="module")
def client():
    with connect() as c:
        yield c


def connect(**options):
    return openai.OpenAI(**{"base_url": f"{craton.URL}/v1", "api_key": craton.KEY, "max_retries": 0, **options})


def ask(client, prompt, **options):
    return client.responses.create(**{"model": CHAT, "input": prompt, **options})


def ended(client, response):
    """Polls a response until it has ended."""
    deadline = time.monotonic() + 30
    while response.status in ("queued", "in_progress"):
        assert time.monotonic() < deadline, "the response does not end"
        time.sleep(0.05)
        response = client.responses.retrieve(response.id)
    return response


@case("background")
def test_background(client):
    begun = ask(client, "Count to 5", background=True)
    assert begun.status == "queued" and begun.background and begun.output == []
    done = ended(client, begun)
    assert done.status == "completed" and done.output_text == "1, 2, 3, 4, 5"
    assert done.usage.output_tokens == 5
    assert ask(client, "What did I say first?", previous_response_id=done.id).output_text == "You first said: Count to 5"


@case("background")
def test_cancel(client):
    begun = ask(client, "slow 400", background=True)
    assert client.responses.cancel(begun.id).status == "cancelled"
    assert client.responses.cancel(begun.id).status == "cancelled"
    assert client.responses.retrieve(begun.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(ask(client, "Hello").id)


@case("resumed streams")
def test_resume(client):
    whole = list(ask(client, "slow 20", background=True, stream=True))
    numbers = [event.sequence_number for event in whole]
    assert numbers == list(range(len(whole)))
    assert whole[0].type == "response.created" and whole[-1].type == "response.completed"
    id = whole[0].response.id
    for seen in (0, 7, len(whole) - 2):
        rest = list(client.responses.retrieve(id, stream=True, starting_after=seen))
        assert [event.to_dict() for event in rest] == [event.to_dict() for event in whole[seen + 1:]]


@case("resumed streams")
def test_resume_a_stream_that_broke_off(client):
    heard = []
    with ask(client, "slow 40", background=True, stream=True) as stream:
        for event in stream:
            heard.append(event)
            if event.type == "response.output_text.delta" and len(heard) > 8:
                break
    id, last = heard[0].response.id, heard[-1].sequence_number
    heard += client.responses.retrieve(id, stream=True, starting_after=last)
    assert [event.sequence_number for event in heard] == list(range(len(heard)))
    said = "".join(event.delta for event in heard if event.type == "response.output_text.delta")
    assert said == heard[-1].response.output_text


@case("resumed streams")
def test_stream_helper(client):
    begun = ask(client, "Say it all", background=True, stream=True)
    id = next(iter(begun)).response.id
    with client.responses.stream(response_id=id) as stream:
        assert stream.get_final_response().output_text == "it all"


@case("a background response survives kill -9")
def test_background_survives_a_kill(tmp_path):
    server = house.Server(tmp_path)
    try:
        with connect(base_url=f"{server.start()}/v1") as client:
            heard = []
            with ask(client, "slow 60", background=True, stream=True) as stream:
                for event in stream:
                    heard.append(event)
                    if len(heard) == 12:
                        break
            time.sleep(0.2)  # what was said is readable a moment after
        server.kill()
        with connect(base_url=f"{server.start()}/v1") as client:
            id = heard[0].response.id
            heard += client.responses.retrieve(id, stream=True, starting_after=heard[-1].sequence_number)
            assert [event.sequence_number for event in heard] == list(range(len(heard)))
            final = heard[-1].response
            assert final.status == "completed" and client.responses.retrieve(id).output == final.output
            assert len(final.output[-1].content[0].text.split()) == 60
    finally:
        server.kill()


@case("conversations")
def test_conversations(client):
    conversation = client.conversations.create(metadata={"topic": "boats"}, items=[{"type": "message", "role": "user", "content": "My name is Ada."}])
    assert conversation.object == "conversation" and conversation.metadata == {"topic": "boats"}
    answer = ask(client, "What is my name?", conversation=conversation.id)
    assert answer.output_text == "Your name is Ada." and answer.conversation.id == conversation.id
    items = list(client.conversations.items.list(conversation.id, order="asc", limit=1))
    assert [item.role for item in items] == ["user", "user", "assistant"]
    assert client.conversations.items.retrieve(items[2].id, conversation_id=conversation.id).content[0].text == "Your name is Ada."
    added = client.conversations.items.create(conversation.id, items=[{"role": "user", "content": "My city is Oslo."}])
    assert len(added.data) == 1
    ended(client, ask(client, "My boat is Viking.", conversation=conversation.id, background=True))
    client.conversations.items.delete(items[0].id, conversation_id=conversation.id)
    assert "Ada" not in ask(client, "What is my name?", conversation=conversation.id, store=False).output_text.replace("Your name is Ada.", "")
    assert client.conversations.update(conversation.id, metadata={"topic": "sails"}).metadata == {"topic": "sails"}
    assert client.conversations.delete(conversation.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve(conversation.id)


@case("MCP tools")
def test_mcp(client):
    kinds = []
    for event in ask(client, 'use desk__read_note {"name": "a"}', tools=[DESK], stream=True):
        kinds.append(event.type)
    final = event.response
    assert [item.type for item in final.output] == ["mcp_list_tools", "mcp_call", "message"]
    assert {tool.name for tool in final.output[0].tools} == {"read_note", "write_note", "lose_note"}
    assert final.output[1].output == "the note a" and final.output[1].status == "completed"
    for kind in ("mcp_list_tools.completed", "mcp_call.in_progress", "mcp_call_arguments.done", "mcp_call.completed"):
        assert f"response.{kind}" in kinds
    lost = ask(client, 'use desk__lose_note {"name": "a"}', tools=[DESK])
    call = next(item for item in lost.output if item.type == "mcp_call")
    assert call.status == "failed" and "lost" in str(call.error)


@case("MCP tools")
def test_mcp_approval(client):
    asked = ask(client, 'use desk__write_note {"name": "a"}', tools=[DESK])
    request = asked.output[-1]
    assert request.type == "mcp_approval_request" and request.name == "write_note"

    def answer(approve):
        reply = {"type": "mcp_approval_response", "approval_request_id": request.id, "approve": approve}
        return ask(client, [reply], previous_response_id=asked.id, tools=[DESK])

    approved = answer(True)
    call = next(item for item in approved.output if item.type == "mcp_call")
    assert call.output == "wrote a" and call.approval_request_id == request.id
    assert "denied" in answer(False).output_text


@case("file search")
def test_file_search(client):
    uploaded = client.files.create(file=("boats.txt", b"The ferry to Oslo leaves at nine."), purpose="user_data")
    found = ask(client, 'use file_search__file_search {"query": "ferry"}', tools=[{"type": "file_search", "vector_store_ids": []}],
                include=["file_search_call.results"])
    call = next(item for item in found.output if item.type == "file_search_call")
    assert call.queries == ["ferry"] and any(result.file_id == uploaded.id for result in call.results)


@case("compaction")
def test_compaction(client):
    said = [{"role": "user", "content": "My name is Ada."}, {"role": "assistant", "content": "Hello Ada."}]
    compacted = client.responses.compact(model=CHAT, input=said)
    assert compacted.output[-1].type == "compaction" and compacted.usage.total_tokens > 0
    next_input = [item.to_dict() for item in compacted.output] + [{"role": "user", "content": "Say hello"}]
    assert ask(client, next_input).output_text == "hello"
    long = ask(client, "My name is Ada. " * 400)
    pruned = ask(client, "Say hello", previous_response_id=long.id, context_management=[{"type": "compaction", "compact_threshold": 1000}])
    assert [item.type for item in pruned.output] == ["compaction", "message"] and pruned.usage.input_tokens < 4000


@case("token counting")
def test_token_counting(client):
    counted = client.responses.input_tokens.count(model=CHAT, input="one two three")
    assert counted.input_tokens == ask(client, "one two three").usage.input_tokens


@case("truncation")
def test_truncation(client):
    with pytest.raises(openai.APIError):
        ask(client, [{"role": "user", "content": "word " * 1_100_000}, {"role": "user", "content": "Say hello"}])
    answer = ask(client, [{"role": "user", "content": "word " * 1_100_000}, {"role": "assistant", "content": "ok"},
                          {"role": "user", "content": "Say hello"}], truncation="auto")
    assert answer.output_text == "hello"


@case("sockets")
def test_sockets(client):
    with client.responses.connect() as socket:
        def say(text, **options):
            socket.response.create(model=CHAT, input=text, store=False, **options)
            for event in socket:
                if event.type == "response.completed":
                    return event.response
                assert event.type != "error", event

        first = say("My name is Ada.")
        assert say("What is my name?", previous_response_id=first.id).output_text == "Your name is Ada."
