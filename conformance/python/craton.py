"""The servers under test, and the few calls to them that no SDK makes."""

import base64
import io
import json
import os
import time
import urllib.request

from PIL import Image

URL = os.environ["CRATON_CONFORMANCE_URL"]
KEY = os.environ["CRATON_API_KEY"]
ACCESS_KEY_ID = os.environ["CRATON_ACCESS_KEY_ID"]
SECRET_ACCESS_KEY = os.environ["CRATON_SECRET_ACCESS_KEY"]
REGION = "us-east-1"

# CHAT answers by the default rules of the script model; the others are the
# same model behind another server and another contract.
CHAT = "script/script-chat"
EMBED = "script/script-embed"
FAR = ["viaopenai/chat-openai", "viaanthropic/chat-anthropic", "viabedrock/chat-bedrock"]
# NAMES are other ways to name CHAT: the bare name and an alias.
NAMES = ["script-chat", "house-chat"]
# TOO_LARGE is more than the servers' largest body.
TOO_LARGE = 9 << 20

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "The city."}},
    "required": ["city"],
    "additionalProperties": False,
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def png():
    """A real image of one pixel."""
    out = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(out, "PNG")
    return out.getvalue()


PNG = png()
PNG_BASE64 = base64.b64encode(PNG).decode()
SAW = f"1 image (image/png, {len(PNG)} bytes)"


def admin(method, path, body=None):
    """Calls the admin API as the administrator."""
    request = urllib.request.Request(
        f"{URL}/admin/v1/{path}", method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def new_key(kind):
    return admin("POST", "keys", {"name": "one test's", "kind": kind, "roles": ["developer"]})


def usage_of(key):
    """The usage of one key, or None while there is none."""
    rows = admin("GET", "usage?by=key")["data"]
    return next((r for r in rows if r["group"] == [key["id"]]), None)


def eventually(probe, seconds=20):
    """Returns the first true value of probe; the server does some things after it answered."""
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value or time.monotonic() > deadline:
            assert value, "it did not come about in time"
            return value
        time.sleep(0.05)


def abandoned(key, heard):
    """Asserts that the server noticed a client that left after `heard` words of
    hundreds, stopped the model, and recorded what was used."""
    row = eventually(lambda: usage_of(key))
    assert row["requests"] == 1
    assert heard <= row["tokens"]["output"] < 100, row
    assert row["tokens"]["input"] > 0, row
