"""The Files API by openai-python: uploads of every shape, their content, lists and errors."""

import io

import openai
import pytest

import craton

pytestmark = pytest.mark.sdk("openai Files (Python)", "openai")
case = pytest.mark.case


@pytest.fixture(scope="module")
def client():
    with openai.OpenAI(base_url=f"{craton.URL}/v1", api_key=craton.KEY, max_retries=0) as c:
        yield c


@case("upload, read and delete")
def test_life(client, tmp_path):
    path = tmp_path / "notes.md"
    path.write_bytes("naïve\n".encode() * 2_000_000)  # larger than other bodies may be
    made = client.files.create(file=path, purpose="user_data", expires_after={"anchor": "created_at", "seconds": 7200})
    assert (made.object, made.filename, made.bytes, made.purpose, made.status) == ("file", "notes.md", path.stat().st_size, "user_data", "processed")
    assert made.expires_at - made.created_at == 7200
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).read() == path.read_bytes()
    assert client.files.wait_for_processing(made.id).id == made.id
    gone = client.files.delete(made.id)
    assert gone.deleted and gone.id == made.id
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError) as e:
            call(made.id)
        assert e.value.code == "not_found"


@case("upload, read and delete")
@pytest.mark.parametrize("file", [b"plain", io.BytesIO(b"plain"), ("b.txt", b"plain"), ("c.json", b"plain", "application/json")])
def test_shapes(client, file):
    made = client.files.create(file=file, purpose="assistants")
    assert client.files.content(made.id).text == "plain"
    assert made.expires_at is None


@case("stream the content, and a range of it")
def test_stream(client):
    made = client.files.create(file=("a.bin", bytes(range(256)) * 1000), purpose="vision")
    with client.files.with_streaming_response.content(made.id) as answer:
        assert b"".join(answer.iter_bytes()) == bytes(range(256)) * 1000
    part = client.files.with_raw_response.content(made.id, extra_headers={"Range": "bytes=250-259"})
    assert part.status_code == 206 and part.content == bytes([250, 251, 252, 253, 254, 255, 0, 1, 2, 3])


@case("list page by page")
def test_lists(client):
    ids = [client.files.create(file=(f"{n}.jsonl", b"{}\n"), purpose="fine-tune").id for n in range(5)]
    listed = [f.id for f in client.files.list(purpose="fine-tune", order="asc", limit=2)]
    assert listed == ids
    assert [f.id for f in client.files.list(purpose="fine-tune", limit=2)] == ids[::-1]
    assert [f.id for f in client.files.list(purpose="fine-tune", after=ids[3])] == ids[2::-1]


@case("refuse bad uploads")
def test_refusals(client):
    for more, param in [({"purpose": "fun"}, "purpose"), ({"expires_after": {"anchor": "created_at", "seconds": 1}}, "expires_after.seconds")]:
        with pytest.raises(openai.BadRequestError) as e:
            client.files.create(**{"file": b"x", "purpose": "user_data", **more})
        assert e.value.param == param
    with pytest.raises(openai.BadRequestError) as e:
        client.files.list(limit=0)
    assert e.value.param == "limit"


@case("name files in requests")
@pytest.mark.parametrize("model", [craton.CHAT, *craton.FAR])
def test_inputs(client, model):
    image = client.files.create(file=("dot.png", craton.PNG), purpose="vision").id
    answer = client.responses.create(model=model, store=False, input=[{"role": "user", "content": [{"type": "input_image", "file_id": image}]}])
    assert answer.output_text == f"I received {craton.SAW}."
    notes = client.files.create(file=("notes.pdf", b"%PDF-1.4 words"), purpose="user_data").id
    answer = client.responses.create(model=model, store=False, input=[{"role": "user", "content": [{"type": "input_file", "file_id": notes}]}])
    assert "(application/pdf, 14 bytes)" in answer.output_text
    chat = client.chat.completions.create(model=model, messages=[{"role": "user", "content": [{"type": "file", "file": {"file_id": notes}}]}])
    assert "(application/pdf, 14 bytes)" in chat.choices[0].message.content
