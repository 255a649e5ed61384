"""The Agents API by openai-python: agents, sessions, their helpers, and Bedrock's way to them."""

import asyncio
import time

import openai
import pydantic
import pytest

import craton

pytestmark = pytest.mark.sdk("openai Agents (Python)", "openai")
case = pytest.mark.case

TOOL = {"type": "function", "name": "get_weather", "description": "Tells the weather.", "parameters": craton.WEATHER}
DESK = {"type": "mcp", "server_label": "desk", "transport": {"type": "http", "server_url": "craton:desk"}}
CANCEL = {"type": "agent.session.input.cancel"}


@pytest.fixture(scope="module")
def client():
    with openai.OpenAI(base_url=f"{craton.URL}/v1", api_key=craton.KEY, max_retries=0) as c:
        yield c


@pytest.fixture(scope="module")
def sessions(client):
    return client.beta.agents.sessions


def params(text, **agent):
    """A session without an environment."""
    return {"agent": {"model": craton.CHAT, **agent}, "environment": {"type": "none"}, "input": text}


def settled(sessions, session_id, status="idle"):
    """Asks for a session until it has a status."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        session = sessions.retrieve(session_id)
        if session.status == status:
            return session
        time.sleep(0.05)
    raise AssertionError(f"the session is {session.status}, not {status}")


def idle(sessions, *args, **agent):
    return settled(sessions, sessions.create(**params(*args, **agent)).id)


def say(text):
    return {"type": "agent.session.input.message", "input": [{"role": "user", "content": [{"type": "input_text", "text": text}]}]}


def outline(sessions, session_id):
    """A session's items in short: the type, and the text of messages."""
    return [
        f"{i.role}: " + "".join(part.text for part in i.content) if i.type == "message" else i.type
        for i in sessions.items.list(session_id, order="asc", limit=2)
    ]


def forecast(arguments):
    return {"city": arguments["city"], "sky": "clear"}


@case("an agent is created, read, changed and deleted")
def test_agents(client):
    agents = client.beta.agents
    made = agents.create(model=craton.CHAT, name="Helper", tools=[TOOL], metadata={"team": "a"})
    assert (made.object, made.name, made.tools[0].name) == ("agent", "Helper", "get_weather")
    assert agents.retrieve(made.id) == made
    assert made.id in [one.id for one in agents.list(limit=1)][:50]
    assert agents.update(made.id, name=None).name is None
    session = client.beta.agents.sessions.create(agent_id=made.id, environment={"type": "none"}, input="Say yes")
    assert session.agent.id == made.id
    assert agents.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        agents.retrieve(made.id)


@case("a session is created, runs and is read")
def test_life(sessions):
    made = sessions.create(**params("Say hello", instructions="Be kind."), metadata={"team": "a"})
    assert (made.object, made.agent.instructions, made.metadata, made.error) == ("agent.session", "Be kind.", {"team": "a"}, None)
    assert settled(sessions, made.id).usage.total_tokens == 5
    assert outline(sessions, made.id) == ["user: Say hello", "assistant: hello"]
    gone = sessions.delete(made.id)
    assert gone.deleted and gone.object == "agent.session.deleted"
    with pytest.raises(openai.NotFoundError) as e:
        sessions.retrieve(made.id)
    assert e.value.code == "not_found_error"


@case("creation streams the first turn")
def test_creation(sessions):
    with sessions.create(**params("Count to 5"), stream=True, stream_options={"include_obfuscation": False}) as stream:
        stream.with_result_collection()
        events = list(stream)
        result = stream.get_final_result()
    assert (events[0].type, events[-1].type) == ("agent.session.created", "agent.session.idle")
    assert len({e.event_id for e in events}) == len(events)
    assert result.output_text == "1, 2, 3, 4, 5"
    assert result.turn.status == "completed" and result.turn.subagent_id is None


@case("tools run in both stream helpers")
def test_tools(sessions):
    made = idle(sessions, "Say yes", tools=[TOOL])
    with sessions.stream(made.id, input="How is the weather in Paris and London?", tool_handlers={"get_weather": forecast}) as stream:
        text = stream.get_final_result().output_text
    assert "Paris" in text and "London" in text
    first = params('first get_weather {"city":"Oslo"} then get_weather {"city":"Bern"}', tools=[TOOL])
    with sessions.create(**first, stream=True, tool_handlers={"get_weather": forecast}) as stream:
        assert "Bern" in stream.get_final_result().output_text


@case("tools run in both stream helpers")
def test_tools_async():
    async def run():
        async with openai.AsyncOpenAI(base_url=f"{craton.URL}/v1", api_key=craton.KEY, max_retries=0) as client:
            stream = await client.beta.agents.sessions.create(**params("How is the weather in Rome?", tools=[TOOL]), stream=True,
                                                               tool_handlers={"get_weather": forecast_later})
            async with stream:
                return (await stream.get_final_result()).output_text

    async def forecast_later(arguments):
        return forecast(arguments)

    assert "Rome" in asyncio.run(run())


@case("a handler fails")
def test_failing_handler(sessions):
    made = idle(sessions, "Say yes", tools=[TOOL])
    failures = []

    def broken(arguments):
        raise ValueError("no weather")

    with sessions.stream(made.id, input="How is the weather in Rome?", tool_handlers={"get_weather": broken}, on_tool_error=failures.append) as stream:
        assert "Tool handler failed." in stream.get_final_result().output_text
    assert len(failures) == 1


@case("typed output")
def test_typed(sessions):
    class Person(pydantic.BaseModel):
        name: str
        age: int

    with sessions.create(**params("A person, name: Ada, 36 years old"), stream=True, output_type=Person) as stream:
        assert stream.get_final_result().output_parsed == Person(name="Ada", age=36)


@case("a call is answered by hand")
def test_by_hand(sessions):
    made = sessions.create(**params("How is the weather in Rome?", tools=[TOOL]))
    action = settled(sessions, made.id, "requires_action").required_actions[0]
    assert (action.type, action.name, action.arguments) == ("function_call", "get_weather", {"city": "Rome"})
    result = {"type": "agent.session.input.tool_result", "turn_id": action.turn_id, "call_id": "call_none", "success": True, "output": "rain"}
    with pytest.raises(openai.BadRequestError) as e:
        sessions.events.create(made.id, events=[result])
    assert e.value.body["message"] == "Unknown pending tool call: call_none" and e.value.code == "invalid_request_error"
    with pytest.raises(openai.ConflictError) as e:
        sessions.delete(made.id)
    assert e.value.response.headers["x-should-retry"] == "false"
    sessions.events.create(made.id, events=[result | {"call_id": action.call_id}])
    settled(sessions, made.id)
    assert outline(sessions, made.id)[-1] == "assistant: The tools answered: rain"


@case("an idempotency key counts once")
def test_once(sessions):
    made = idle(sessions, "Say yes")
    key = f"key-{made.id}"
    for _ in range(2):
        sessions.events.create(made.id, events=[say("Say one")], idempotency_key=key)
        settled(sessions, made.id)
    assert outline(sessions, made.id)[2:] == ["user: Say one", "assistant: one"]
    with pytest.raises(openai.ConflictError) as e:
        sessions.events.create(made.id, events=[say("Say two")], idempotency_key=key)
    assert e.value.code == "idempotency_conflict"


@case("sessions are listed and changed")
def test_lists(sessions):
    first = idle(sessions, "Say yes")
    tag = {"case": first.id, "a key": "é"}
    ids = [sessions.create(**params("Say yes"), metadata=tag).id for _ in range(3)]
    assert [one.id for one in sessions.list(metadata=tag, order="asc", limit=1)] == ids
    changed = sessions.update(ids[0], metadata=None, agent={"model": "house-chat"}, spend_control={"limit": 7})
    assert (changed.metadata, changed.agent.model, changed.spend_control.limit) == ({}, "house-chat", 7)
    assert sessions.update(ids[0], spend_control=None).spend_control is None
    with pytest.raises(openai.BadRequestError) as e:
        list(sessions.list(limit=101))
    assert e.value.param == "limit"


@case("turns and their items are listed page by page")
def test_turns(sessions):
    made = idle(sessions, "Say zero")
    with sessions.stream(made.id, input="Say one") as stream:
        turn = stream.get_final_result().turn
    turns = list(sessions.turns.list(made.id, limit=1))
    assert [one.id for one in turns][0] == turn.id and len(turns) == 2
    assert sessions.turns.retrieve(turn.id, session_id=made.id) == turns[0]
    assert len(list(sessions.turns.items.list(turn.id, session_id=made.id, limit=1))) == 2
    assert [one.id for one in sessions.traces.list(made.id, limit=1)] == [one.id for one in turns]
    assert list(sessions.artifacts.list(made.id)) == []


@case("a turn is cancelled")
def test_cancel(sessions):
    with sessions.create(**params("slow 2000"), stream=True) as stream:
        kinds = []
        for event in stream:
            kinds.append(event.type)
            if event.type == "agent.session.created":
                session_id = event.session.id
            if kinds.count("agent.session.turn.output_text.delta") == 1 and kinds[-1].endswith("delta"):
                sessions.events.create(session_id, events=[CANCEL])
    assert kinds[-2:] == ["agent.session.turn.cancelled", "agent.session.idle"]


@case("approval of a tool server's calls")
def test_approval(sessions):
    made = idle(sessions, 'use desk__read_note {"name":"a"}', tools=[DESK])
    call = list(sessions.items.list(made.id, order="asc"))[1]
    assert (call.type, call.name, call.output, call.error) == ("mcp_call", "read_note", "the note a", None)
    for decision, status in {"approve": "completed", "deny": "failed", "cancel": "failed"}.items():
        sessions.events.create(made.id, events=[say('use desk__write_note {"name":"b"}')])
        action = settled(sessions, made.id, "requires_action").required_actions[0]
        assert (action.type, action.request.name, action.request.arguments) == ("mcp_approval_request", "write_note", {"name": "b"})
        sessions.events.create(made.id, events=[{
            "type": "agent.session.input.mcp_approval_request_result", "request_id": action.request_id,
            "response": {"type": "mcp_tool_call", "decision": decision},
        }])
        settled(sessions, made.id)
        assert next(i for i in sessions.items.list(made.id) if i.type == "mcp_call").status == status


@case("subagents")
def test_subagents(sessions):
    asked = params('use create_subagent {"message":"Say hello","name":"Scout"}', multi_agent={"enabled": True})
    with sessions.create(**asked, stream=True) as stream:
        result = stream.get_final_result()
    assert "Noted: hello" in result.output_text
    (subagent,) = sessions.subagents.list(result.session_id)
    assert (subagent.name, subagent.status) == ("Scout", "active")
    (turn,) = sessions.subagents.turns.list(subagent.id, session_id=result.session_id)
    assert turn.subagent_id == subagent.id
    items = sessions.subagents.items.list(subagent.id, session_id=result.session_id, order="asc")
    assert [i.type for i in items] == ["agent_message", "message"]


@case("errors")
def test_errors(sessions):
    with pytest.raises(openai.NotFoundError) as e:
        sessions.retrieve("ses_nobody")
    assert e.value.code == "not_found_error"
    with pytest.raises(openai.BadRequestError) as e:
        sessions.create(agent={"model": craton.CHAT}, environment={"type": "none"})
    assert e.value.param == "input"
    made = idle(sessions, "Say yes")
    with pytest.raises(openai.BadRequestError) as e:
        sessions.events.create(made.id, events=[{"type": "agent.session.input.guess"}])
    assert e.value.param == "events[0].type"


@case("Bedrock's client, signed")
def test_bedrock():
    with openai.BedrockOpenAI(
        aws_region=craton.REGION, aws_access_key_id=craton.ACCESS_KEY_ID, aws_secret_access_key=craton.SECRET_ACCESS_KEY,
        base_url=f"{craton.URL}/openai/v1", max_retries=0,
    ) as client:
        sessions = client.beta.agents.sessions
        role = {"role_arn": "arn:aws:iam::111122223333:role/agent"}
        with sessions.create(**params("Say hello"), stream=True, extra_body=role) as stream:
            result = stream.get_final_result()
        assert result.output_text == "hello"
        with sessions.stream(result.session_id, input="Say more") as stream:
            assert stream.get_final_result().output_text == "more"
        assert sessions.retrieve(result.session_id).role_arn == role["role_arn"]
        assert len(list(sessions.items.list(result.session_id, limit=3))) == 4
        with pytest.raises(openai.BadRequestError) as e:
            sessions.create(**params("Say hello"), extra_body=role | {"temper": "mild"})
        assert e.value.param == "temper"
        assert sessions.delete(result.session_id).deleted
