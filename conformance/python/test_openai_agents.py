"""The OpenAI Agents SDK: a conversation with tools that goes on after the server was killed and started again."""

import asyncio

import openai
import pytest
from agents import Agent, HostedMCPTool, ModelSettings, OpenAIConversationsSession, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled

import craton
import house
from craton import CHAT

pytestmark = pytest.mark.sdk("OpenAI Agents SDK (Python)", "openai-agents")
ABSENT = {name: "the SDK sends Responses: see openai Responses (Python)" for name in (
    "images", "reasoning", "token counting", "embeddings", "models", "model names", "other upstreams", "oversized request",
    "unsupported feature", "rate limit", "failure in mid-stream", "cancellation", "malformed request")}
case = pytest.mark.case
set_tracing_disabled(True)
calls = []


@function_tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    calls.append(city)
    return f"fine in {city}"


def agent(url=None, key=None, model=CHAT, **options):
    client = openai.AsyncOpenAI(base_url=url or f"{craton.URL}/v1", api_key=key or craton.KEY, max_retries=0)
    return client, Agent(name="Assistant", model=OpenAIResponsesModel(model=model, openai_client=client), **options)


def run(starting, prompt, **options):
    return Runner.run_sync(starting, prompt, **options)


@case("text")
def test_text():
    _, a = agent(instructions="Be brief.")
    assert run(a, "Say good morning").final_output == "good morning"


@case("multi-turn")
def test_multi_turn():
    _, a = agent()
    first = run(a, "My name is Ada.")
    assert run(a, "What is my name?", previous_response_id=first.last_response_id).final_output == "Your name is Ada."
    again = first.to_input_list() + [{"role": "user", "content": "What is my name?"}]
    assert run(a, again).final_output == "Your name is Ada."


@case("streaming")
def test_streaming():
    async def stream():
        _, a = agent()
        result = Runner.run_streamed(a, "Count to 5")
        said = [e.data.delta async for e in result.stream_events() if e.type == "raw_response_event" and e.data.type == "response.output_text.delta"]
        return said, result.final_output

    said, final = asyncio.run(stream())
    assert len(said) > 2 and "".join(said) == final == "1, 2, 3, 4, 5"


@case("tools")
def test_tools():
    _, a = agent(tools=[get_weather])
    assert run(a, "How is the weather in Paris?").final_output == "The tools answered: fine in Paris"


@case("parallel tools")
def test_parallel_tools():
    calls.clear()
    _, a = agent(tools=[get_weather], model_settings=ModelSettings(parallel_tool_calls=True))
    run(a, "How is the weather in Paris and London?")
    assert sorted(calls) == ["London", "Paris"]


@case("streaming tools")
def test_streaming_tools():
    async def stream():
        _, a = agent(tools=[get_weather])
        result = Runner.run_streamed(a, "How is the weather in Paris?")
        kinds = [e.name async for e in result.stream_events() if e.type == "run_item_stream_event"]
        return kinds, result.final_output

    kinds, final = asyncio.run(stream())
    assert "tool_called" in kinds and "tool_output" in kinds and final.endswith("fine in Paris")


@case("structured output")
def test_structured_output():
    import pydantic

    class Person(pydantic.BaseModel):
        name: str
        age: int

    _, a = agent(output_type=Person)
    assert isinstance(run(a, "Ada is 36 years old").final_output, Person)


@case("wrong key")
def test_wrong_key():
    _, a = agent(key="ck-wrong")
    with pytest.raises(openai.AuthenticationError):
        run(a, "Hello")


@case("unknown model")
def test_unknown_model():
    _, a = agent(model="script/none")
    with pytest.raises(openai.NotFoundError):
        run(a, "Hello")


@case("MCP tools")
def test_hosted_mcp():
    tool = HostedMCPTool(tool_config={"type": "mcp", "server_label": "desk", "server_url": "craton:desk", "require_approval": "never"})
    _, a = agent(tools=[tool])
    assert run(a, 'use desk__read_note {"name": "a"}').final_output == "The tools answered: the note a"


@case("a conversation with tools survives kill -9")
def test_conversation_survives_a_kill(tmp_path):
    server = house.Server(tmp_path)
    try:
        url = f"{server.start()}/v1"
        client, a = agent(url, tools=[get_weather])

        async def begin():
            session = OpenAIConversationsSession(openai_client=client)
            await Runner.run(a, "My name is Ada.", session=session)
            result = await Runner.run(a, "How is the weather in Paris?", session=session)
            return await session._get_session_id(), result

        conversation, result = asyncio.run(begin())
        assert result.final_output == "The tools answered: fine in Paris"
        server.kill()
        client, a = agent(f"{server.start()}/v1", tools=[get_weather])

        async def go_on():
            session = OpenAIConversationsSession(conversation_id=conversation, openai_client=client)
            name = await Runner.run(a, "What is my name?", session=session)
            weather = await Runner.run(a, "How is the weather in Oslo?", session=session)
            chained = await Runner.run(a, "What did I say first?", previous_response_id=result.last_response_id)
            return name.final_output, weather.final_output, chained.final_output

        name, weather, chained = asyncio.run(go_on())
        assert name == "Your name is Ada." and weather == "The tools answered: fine in Oslo" and chained.startswith("You first said: ")
    finally:
        server.kill()
