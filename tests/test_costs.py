"""What the tests cost is measured with all that they start."""

import subprocess
import sys

import pytest

from tests.support.costs import computed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
BUSY = "import time\nwhile time.process_time() < 0.3: pass"


def test_what_a_process_computes_is_counted_while_it_runs_and_once_it_has_ended():
    before = computed()
    waits = f"{BUSY}\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        running = computed() - before
        process.communicate(b"\n")
    ended = computed() - before

    assert 0.25 <= running <= ended  # the system counts in hundredths
