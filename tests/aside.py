"""Python in a process of its own, for what has to be decided before the first import or could end the process."""
import os
import subprocess
import sys


def run_python(*arguments, **environment):
    """The finished process, with what it wrote; it imports what this one can import."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)], timeout=300, capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )


def written(done):
    """The text that the process wrote, once it has ended well."""
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    return done.stdout.decode()
