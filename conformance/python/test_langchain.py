"""LangChain's ChatBedrockConverse and ChatOpenAI as applications use them."""

import botocore.exceptions
import openai
import pydantic
import pytest
from langchain_aws import ChatBedrockConverse
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

import amazon
import craton
from craton import CHAT

case = pytest.mark.case
both = pytest.mark.parametrize("chat", [
    pytest.param("bedrock", marks=pytest.mark.sdk("LangChain ChatBedrockConverse", "langchain-aws")),
    pytest.param("openai", marks=pytest.mark.sdk("LangChain ChatOpenAI", "langchain-openai")),
    pytest.param("responses", marks=pytest.mark.sdk("LangChain ChatOpenAI", "langchain-openai")),
], indirect=True)


class Person(pydantic.BaseModel):
    """A person."""

    name: str
    age: int


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"fine in {city}"


class Make:
    """Makes chat models of one kind."""

    def __init__(self, kind):
        self.kind = kind

    def __call__(self, model=CHAT, key=None, **options):
        if self.kind == "bedrock":
            # LangChain streams only from the models it knows unless it is told to.
            return ChatBedrockConverse(model=model, provider="anthropic", client=amazon.client(secret=key), disable_streaming=False, **options)
        return ChatOpenAI(model=model, base_url=f"{craton.URL}/v1", api_key=key or craton.KEY, max_retries=0, stream_usage=True,
                          use_responses_api=self.kind == "responses", **options)

    def errors(self, openai_type):
        return botocore.exceptions.ClientError if self.kind == "bedrock" else openai_type


@pytest.fixture
def chat(request):
    return Make(request.param)


@case("text")
@both
def test_text(chat):
    answer = chat().invoke([SystemMessage("Be brief."), HumanMessage("Say good morning")])
    assert answer.text == "good morning"
    assert answer.usage_metadata["output_tokens"] == 2


@case("text")
@both
def test_prompt_chain_and_batch(chat):
    chain = ChatPromptTemplate.from_messages([("human", "Say {what}")]) | chat()
    assert [a.text for a in chain.batch([{"what": "one"}, {"what": "two"}])] == ["one", "two"]


@case("multi-turn")
@both
def test_multi_turn(chat):
    messages = [HumanMessage("Hello, my name is Ada.")]
    messages += [chat().invoke(messages), HumanMessage("What is my name?")]
    assert chat().invoke(messages).text == "Your name is Ada."


@case("streaming")
@both
def test_streaming(chat):
    chunks = list(chat().stream("Count to 5"))
    assert len([c for c in chunks if c.text]) > 2
    whole = sum(chunks[1:], chunks[0])
    assert whole.text == "1, 2, 3, 4, 5" and whole.usage_metadata["output_tokens"] == 5


@case("tools")
@case("parallel tools")
@both
def test_tools(chat):
    model = chat().bind_tools([get_weather])
    messages = [HumanMessage("What is the weather in Paris and London?")]
    first = model.invoke(messages)
    assert [c["args"] for c in first.tool_calls] == [{"city": "Paris"}, {"city": "London"}]
    messages += [first, *(get_weather.invoke(call) for call in first.tool_calls)]
    assert all(isinstance(m, ToolMessage) for m in messages[2:])
    assert model.invoke(messages).text == "The tools answered: fine in Paris; fine in London"


@case("streaming tools")
@both
def test_streaming_tools(chat):
    chunks = list(chat().bind_tools([get_weather]).stream("What is the weather in Oslo and Rome?"))
    whole = sum(chunks[1:], chunks[0])
    assert [c["args"] for c in whole.tool_calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert all(c["id"] for c in whole.tool_calls)


@case("structured output")
@both
def test_structured_output(chat):
    assert chat().with_structured_output(Person).invoke("A person, name: Ada, 36 years old") == Person(name="Ada", age=36)


@case("images")
@both
def test_images(chat):
    picture = {"type": "image", "base64": craton.PNG_BASE64, "mime_type": "image/png"}
    answer = chat().invoke([HumanMessage([{"type": "text", "text": "What is this?"}, picture])])
    assert answer.text == f"I received {craton.SAW}."


@case("reasoning")
@both
def test_reasoning(chat):
    options = {"bedrock": {"additional_model_request_fields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}},
               "openai": {"reasoning_effort": "low"}, "responses": {"reasoning": {"effort": "low", "summary": "auto"}}}[chat.kind]
    messages = [HumanMessage("Think about it")]
    first = chat(**options).invoke(messages)
    assert first.text == "You said: Think about it"
    if chat.kind == "openai":  # the contract tells only how much was thought
        assert first.usage_metadata["output_token_details"]["reasoning"] > 0
    else:
        assert "reasoning" in [b["type"] for b in first.content_blocks]
    messages += [first, HumanMessage("Say fine")]
    assert chat(**options).invoke(messages).text == "fine"


@case("embeddings")
@pytest.mark.sdk("LangChain ChatOpenAI", "langchain-openai")
def test_embeddings():
    model = OpenAIEmbeddings(model=craton.EMBED, base_url=f"{craton.URL}/v1", api_key=craton.KEY, check_embedding_ctx_length=False)
    cat, near, far = model.embed_documents(["the cat sat", "the cat sat down", "stock prices fell"])
    dot = lambda a, b: sum(x * y for x, y in zip(a, b))
    assert dot(cat, near) > dot(cat, far)


@case("other upstreams")
@pytest.mark.parametrize("name", craton.FAR)
@both
def test_other_upstreams(chat, name):
    model = chat(model=name).bind_tools([get_weather])
    messages = [HumanMessage("What is the weather in Paris and London?")]
    first = model.invoke(messages)
    messages += [first, *(get_weather.invoke(call) for call in first.tool_calls)]
    assert model.invoke(messages).text == "The tools answered: fine in Paris; fine in London"


@case("model names")
@pytest.mark.parametrize("name", craton.NAMES)
@both
def test_model_names(chat, name):
    assert chat(model=name).invoke("Say it works").text == "it works"


@case("oversized request")
@both
def test_oversized_request(chat):
    with pytest.raises(chat.errors(openai.APIStatusError)) as e:
        chat().invoke("x" * craton.TOO_LARGE)
    assert "8388608" in str(e.value)


@case("unsupported feature")
@both
def test_unsupported_feature(chat):
    model = chat()
    bound = model.bind(guardrailConfig={"guardrailIdentifier": "abcdefgh", "guardrailVersion": "1"}) if chat.kind == "bedrock" else (
        model.bind(tools=[{"type": "web_search"}]) if chat.kind == "responses" else model.bind(modalities=["text", "audio"]))
    with pytest.raises(chat.errors(openai.BadRequestError)):
        bound.invoke("hi")


@case("cancellation")
@pytest.mark.sdk("LangChain ChatOpenAI", "langchain-openai")
def test_cancellation(lone_key):
    stream, heard = Make("openai")(key=lone_key["token"]).stream("slow 400"), 0
    for chunk in stream:
        heard += bool(chunk.text)
        if heard == 3:
            break
    stream.close()
    craton.abandoned(lone_key, heard)


@case("wrong key")
@both
def test_wrong_key(chat):
    with pytest.raises(chat.errors(openai.AuthenticationError)):
        chat(key="x" * 40).invoke("hi")


@case("unknown model")
@both
def test_unknown_model(chat):
    with pytest.raises(chat.errors(openai.NotFoundError)) as e:
        chat(model="script/none").invoke("hi")
    assert "none" in str(e.value)


@case("rate limit")
@both
def test_rate_limit(chat):
    with pytest.raises(chat.errors(openai.RateLimitError)) as e:
        chat().invoke("fail 429")
    assert "429" in str(e.value)


@case("failure in mid-stream")
@both
def test_failure_in_mid_stream(chat):
    heard = ""
    # A response.failed event becomes a ValueError in ChatOpenAI.
    errors = {"bedrock": botocore.exceptions.EventStreamError, "openai": openai.APIError, "responses": ValueError}
    with pytest.raises(errors[chat.kind], match="asked to fail"):
        for chunk in chat().stream("fail 500 after 3"):
            heard += chunk.text
    assert len(heard.split()) == 3


@case("an agent of langchain-core's loop")
@both
def test_a_loop_of_tools(chat):
    model, messages = chat().bind_tools([get_weather]), [HumanMessage("What is the weather in Bergen?")]
    for _ in range(4):
        answer = model.invoke(messages)
        messages.append(answer)
        if not answer.tool_calls:
            break
        messages += [get_weather.invoke(call) for call in answer.tool_calls]
    assert isinstance(messages[-1], AIMessage) and messages[-1].text == "The tools answered: fine in Bergen"
