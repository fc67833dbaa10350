"""A real Dovecot on loopback, where it is installed: one server, a mailbox for whoever signs in."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from imapclient import IMAPClient

PASSWORD: Final = "open sesame"
IS_HERE: Final = shutil.which("dovecot") is not None or Path("/usr/sbin/dovecot").exists()
_START_WITHIN: Final = 20.0


class Dovecot:
    """One running server."""

    def __init__(self) -> None:
        self.port = _free_port()
        # Short, for there are sockets in it.
        self.folder = Path(tempfile.mkdtemp(prefix="dvc", dir="/tmp"))
        self.folder.chmod(0o755)
        root = os.getuid() == 0
        mine = pwd.getpwuid(os.getuid()).pw_name
        owner = pwd.getpwnam("mail") if root else pwd.getpwuid(os.getuid())
        (self.folder / "mail").mkdir()
        os.chown(self.folder / "mail", owner.pw_uid, owner.pw_gid)
        inner = "dovecot" if root else mine
        login = "dovenull" if root else mine
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{self.folder}/key.pem",
             "-out", f"{self.folder}/cert.pem"],
            check=True, capture_output=True,
        )  # fmt: skip
        config = self.folder / "dovecot.conf"
        config.write_text(
            f"""
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{self.folder}/cert.pem
ssl_key = <{self.folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
default_internal_user = {inner}
default_internal_group = {inner if root else "$default_internal_user"}
default_login_user = {login}
first_valid_uid = 1
mail_location = maildir:{self.folder}/mail/%u
mail_fsync = never
mailbox_idle_check_interval = 1 secs
passdb {{
  driver = static
  args = password={PASSWORD.replace(" ", "_")}
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={self.folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {self.port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"""
        )
        binary = shutil.which("dovecot") or "/usr/sbin/dovecot"
        self._process = subprocess.Popen(
            [binary, "-F", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=_end_with_us,
        )  # fmt: skip
        self._wait()

    @property
    def password(self) -> str:
        return PASSWORD.replace(" ", "_")

    def client(self, user: str) -> IMAPClient:
        """Somebody beside the desk who looks into the mailbox."""
        client = IMAPClient("127.0.0.1", port=self.port, ssl=False, timeout=20)
        client.login(user, self.password)
        return client

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self) -> None:
        until = time.monotonic() + _START_WITHIN
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                if probe.recv(4) == b"* OK":
                    return
            time.sleep(0.05)
        log = self.folder / "log"
        raise AssertionError(f"dovecot did not start: {log.read_text() if log.exists() else 'it says nothing'}")


@functools.cache
def dovecot() -> Dovecot:
    """The one server of this process; it ends with it."""
    server = Dovecot()
    atexit.register(server.stop)
    return server


def _end_with_us() -> None:
    """A worker of a divided run ends without what `atexit` would call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
