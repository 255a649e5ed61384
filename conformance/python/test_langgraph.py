"""LangGraph with Responses: an agent with tools whose conversation goes on after the server was killed."""

import pytest
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import create_react_agent

import craton
import house
from craton import CHAT

pytestmark = pytest.mark.sdk("LangGraph", "langgraph")
ABSENT = {name: "LangGraph asks models through LangChain: see LangChain ChatOpenAI" for name in (
    "structured output", "images", "reasoning", "token counting", "embeddings", "models", "model names", "other upstreams", "wrong key",
    "unknown model", "malformed request", "oversized request", "unsupported feature", "rate limit", "failure in mid-stream", "cancellation")}
case = pytest.mark.case


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"fine in {city}"


def agent(url=None, saver=None, **options):
    model = ChatOpenAI(model=CHAT, base_url=url or f"{craton.URL}/v1", api_key=craton.KEY, max_retries=0, use_responses_api=True, **options)
    return create_react_agent(model, [get_weather], checkpointer=saver)


def say(graph, text, thread="1"):
    return graph.invoke({"messages": [("user", text)]}, {"configurable": {"thread_id": thread}})["messages"]


@case("text")
@case("multi-turn")
def test_multi_turn():
    graph = agent(saver=InMemorySaver())
    say(graph, "My name is Ada.")
    assert say(graph, "What is my name?")[-1].text == "Your name is Ada."


@case("tools")
@case("parallel tools")
def test_tools():
    messages = say(agent(), "How is the weather in Paris and London?")
    assert sorted(m.content for m in messages if m.type == "tool") == ["fine in London", "fine in Paris"]
    assert "fine in Paris" in messages[-1].text


@case("streaming")
@case("streaming tools")
def test_streaming():
    graph = agent()
    pieces = [m.text for m, _ in graph.stream({"messages": [("user", "How is the weather in Paris?")]}, stream_mode="messages") if m.type == "AIMessageChunk"]
    assert len([p for p in pieces if p]) > 2 and "".join(pieces) == "The tools answered: fine in Paris"


@case("a conversation with tools survives kill -9")
@pytest.mark.parametrize("chained", [False, True])
def test_conversation_survives_a_kill(tmp_path, chained):
    server = house.Server(tmp_path)
    saver = InMemorySaver()
    options = {"use_previous_response_id": chained, "store": True}
    try:
        graph = agent(f"{server.start()}/v1", saver, **options)
        say(graph, "My name is Ada.")
        assert say(graph, "How is the weather in Paris?")[-1].text == "The tools answered: fine in Paris"
        server.kill()
        graph = agent(f"{server.start()}/v1", saver, **options)
        assert say(graph, "What is my name?")[-1].text == "Your name is Ada."
        assert say(graph, "How is the weather in Oslo?")[-1].text == "The tools answered: fine in Oslo"
    finally:
        server.kill()
