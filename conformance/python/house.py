"""A server of one test's own, which may be killed and started again."""

import os
import re
import subprocess
import threading

import craton

CONFIG = """upstreams:
  - {name: script, kind: script}
engine: {disabled: true}
"""


class Server:
    """bin/craton with its data in a directory that outlives the process."""

    def __init__(self, directory):
        self.data = directory / "data"
        self.config = directory / "craton.yaml"
        self.config.write_text(CONFIG)
        self.process = None

    def start(self):
        """Starts the server and returns its URL once it is ready."""
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.data), "CRATON_API_KEY": craton.KEY,
            "CRATON_ACCESS_KEY_ID": craton.ACCESS_KEY_ID, "CRATON_SECRET_ACCESS_KEY": craton.SECRET_ACCESS_KEY,
        }
        self.process = subprocess.Popen(
            [os.environ["CRATON_BIN"], "serve", "--listen", "127.0.0.1:0", "--data", self.data, "--config", self.config],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            ready = re.search(r"serves (http://\S+)", line)
            if ready:
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return ready[1]
        raise AssertionError(f"the server ended with status {self.process.wait()} before it was ready")

    def kill(self):
        """Ends the process as kill -9 does: without a word to it."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
