"""Strands Agents with its Bedrock, OpenAI and Anthropic models."""

import asyncio

import boto3
import botocore.exceptions
import pydantic
import pytest
from strands import Agent, tool
from strands.models import BedrockModel
from strands.models.anthropic import AnthropicModel
from strands.models.openai import OpenAIModel
from strands.types.exceptions import ModelThrottledException

import craton
from craton import CHAT

pytestmark = pytest.mark.sdk("Strands Agents", "strands-agents")
case = pytest.mark.case
KINDS = ["bedrock", "bedrock without streams", "openai", "anthropic"]
every = pytest.mark.parametrize("kind", KINDS)


class Person(pydantic.BaseModel):
    """A person."""

    name: str
    age: int


@tool
def get_weather(city: str) -> str:
    """Weather of a city.

    Args:
        city: The city.
    """
    return f"fine in {city}"


def model(kind, name=CHAT, secret=craton.SECRET_ACCESS_KEY, **options):
    if kind == "openai":
        return OpenAIModel(client_args={"base_url": f"{craton.URL}/v1", "api_key": craton.KEY, "max_retries": 0}, model_id=name, **options)
    if kind == "anthropic":
        # Each call of an agent has an event loop of its own, and the client's
        # pool holds connections of the loop before: the retry opens a new one.
        arguments = {"base_url": f"{craton.URL}/anthropic", "api_key": craton.KEY, "max_retries": 1}
        return AnthropicModel(client_args=arguments, model_id=name, max_tokens=2000, **options)
    session = boto3.session.Session(aws_access_key_id=craton.ACCESS_KEY_ID, aws_secret_access_key=secret, region_name=craton.REGION)
    return BedrockModel(boto_session=session, endpoint_url=craton.URL, model_id=name, streaming=kind == "bedrock", **options)


def agent(kind, tools=(), **options):
    return Agent(model=model(kind, **options), tools=list(tools), callback_handler=None, retry_strategy=None, system_prompt="Be brief.")


@case("text")
@every
def test_text(kind):
    answer = agent(kind)("Say good morning")
    assert str(answer).strip() == "good morning" and answer.stop_reason == "end_turn"
    assert answer.metrics.accumulated_usage["outputTokens"] == 2


@case("multi-turn")
@every
def test_multi_turn(kind):
    ada = agent(kind)
    ada("Hello, my name is Ada.")
    assert str(ada("What is my name?")).strip() == "Your name is Ada."
    assert [m["role"] for m in ada.messages] == ["user", "assistant"] * 2


@case("streaming")
@every
def test_streaming(kind):
    async def pieces():
        return [e["data"] async for e in agent(kind).stream_async("Count to 5") if "data" in e]

    found = asyncio.run(pieces())
    assert "".join(found) == "1, 2, 3, 4, 5"
    assert kind == "bedrock without streams" or len(found) > 2


@case("tools")
@case("parallel tools")
@case("streaming tools")
@every
def test_tools(kind):
    weather = agent(kind, [get_weather])
    answer = weather("What is the weather in Paris and London?")
    said = str(answer).strip()
    assert said.startswith("The tools answered: ") and "fine in Paris" in said and "fine in London" in said
    assert answer.metrics.tool_metrics["get_weather"].success_count == 2


@case("structured output")
@every
def test_structured_output(kind):
    answer = agent(kind)("Fill in person: name: Ada, 36 years old", structured_output_model=Person)
    assert answer.structured_output == Person(name="Ada", age=36)


@case("images")
@every
def test_images(kind):
    picture = {"image": {"format": "png", "source": {"bytes": craton.PNG}}}
    assert str(agent(kind)([{"text": "What is this?"}, picture])).strip() == f"I received {craton.SAW}."


@case("reasoning")
def test_reasoning():
    thinker = agent("bedrock", additional_request_fields={"thinking": {"type": "enabled", "budget_tokens": 1024}})
    answer = thinker("Think about it")
    assert any("reasoningContent" in block for block in answer.message["content"])
    assert str(thinker("Say fine")).strip() == "fine", "the signed thinking came back unchanged"


@case("model names")
@pytest.mark.parametrize("name", [CHAT, "script-chat", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"])
def test_model_names(name):
    assert str(agent("bedrock", name=name)("Say it works")).strip() == "it works"


@case("other upstreams")
@pytest.mark.parametrize("name", craton.FAR)
def test_other_upstreams(name):
    assert "fine in Oslo" in str(agent("bedrock", [get_weather], name=name)("What is the weather in Oslo?"))


@case("wrong key")
def test_wrong_key():
    with pytest.raises(botocore.exceptions.ClientError) as e:
        agent("bedrock", secret="x" * 40)("hi")
    assert e.value.response["Error"]["Code"] == "InvalidSignatureException"


@case("unknown model")
def test_unknown_model():
    with pytest.raises(botocore.exceptions.ClientError) as e:
        agent("bedrock", name="anthropic.claude-none")("hi")
    assert "model identifier is invalid" in str(e.value)


@case("rate limit")
@every
def test_rate_limit(kind):
    with pytest.raises(ModelThrottledException):
        agent(kind)("fail 429")


@case("failure in mid-stream")
def test_failure_in_mid_stream():
    with pytest.raises(botocore.exceptions.EventStreamError):
        agent("bedrock")("fail 500 after 3")
