"""Where the servers are, what tests share, and how outcomes are reported.

A test carries @pytest.mark.case(ROW); its file carries
pytestmark = pytest.mark.sdk(NAME, PACKAGE) and may hold ABSENT = {ROW: REASON}
for what the client or its contract does not have. conformance/table reads the
lines that are written here.
"""

import json
import os
import pathlib
from importlib import metadata

import pytest

import craton

for name in list(os.environ):
    # Nothing of the machine's own accounts may reach a client.
    if name.startswith(("OPENAI_", "ANTHROPIC_")) or name.startswith("AWS_") and not name.endswith("_BUNDLE"):
        del os.environ[name]
os.environ.update(
    AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_DEFAULT_REGION=craton.REGION, LANGSMITH_TRACING="false", OTEL_SDK_DISABLED="true", NO_PROXY="127.0.0.1",
)

outcomes = {}
absent = {}


def client_of(item):
    mark = item.get_closest_marker("sdk")
    return (mark.args[0], metadata.version(mark.args[1])) if mark else None


def pytest_collection_modifyitems(items):
    for item in items:
        client = client_of(item)
        if client:
            for case, reason in getattr(item.module, "ABSENT", {}).items():
                absent[(*client, case)] = reason


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    client = client_of(item)
    for case in item.iter_markers("case") if client else ():
        key = (*client, case.args[0])
        if call.when == "call" or report.failed:
            outcomes[key] = outcomes.get(key, True) and report.passed
    return report


def pytest_sessionfinish():
    folder = pathlib.Path(os.environ["CRATON_CONFORMANCE_OUT"])
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "python.jsonl", "w") as out:
        for (sdk, version, case), ok in sorted(outcomes.items()):
            print(json.dumps({"sdk": sdk, "version": version, "case": case, "ok": ok}), file=out)
        for (sdk, version, case), reason in sorted(absent.items()):
            print(json.dumps({"sdk": sdk, "version": version, "case": case, "na": reason}), file=out)


@pytest.fixture
def lone_key():
    """A bearer key nobody else uses, so that its usage is one test's."""
    return craton.new_key("bearer")


@pytest.fixture
def lone_aws_key():
    """An AWS access key nobody else uses."""
    return craton.new_key("aws")
