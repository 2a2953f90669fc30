"""An SSH server for the demo's hosts, where OpenSSH's sshd is not installed.

Executes commands in the user's own shell, as the user who runs it, with binary streams: bytes are
passed on only as fast as the other side takes them, so that memory stays flat for any amount.
"""

import argparse
import asyncio
import contextlib
import os
import pwd
import signal
import sys
from pathlib import Path

import asyncssh

PIECE_BYTES = 256 * 1024
GRACE_SECONDS = 2.0  # between SIGTERM and SIGKILL, for a command whose client has gone
CLOSE_POLL_SECONDS = 0.2
GONE = (asyncssh.Error, OSError)  # the client, or the command, no longer listens


class _Server(asyncssh.SSHServer):
    """Forward connections, as a jump host does; who may log in, authorized_keys says."""

    def connection_requested(
        self,
        dest_host: str,  # noqa: ARG002
        dest_port: int,  # noqa: ARG002
        orig_host: str,  # noqa: ARG002
        orig_port: int,  # noqa: ARG002
    ) -> bool:
        """Allow it."""
        return True


async def _feed(client: "asyncssh.SSHServerProcess[bytes]", stdin: asyncio.StreamWriter) -> None:
    """Pass the client's bytes to the command, then its end of file."""
    listening = True
    while True:
        try:
            piece = await client.stdin.read(PIECE_BYTES)
        except (asyncssh.BreakReceived, asyncssh.SignalReceived, asyncssh.TerminalSizeChanged):
            continue
        except GONE:
            break
        if not piece:
            break
        if listening:
            try:
                stdin.write(piece)
                await stdin.drain()
            except GONE:
                listening = False  # read on: a client must not hang on a command like `head -1`
    with contextlib.suppress(*GONE):
        stdin.close()


async def _show(output: asyncio.StreamReader, writer: "asyncssh.SSHWriter[bytes]") -> None:
    """Pass the command's bytes to the client until the command closes that stream."""
    with contextlib.suppress(*GONE):
        while piece := await output.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()


def _signal_group(command: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(command.pid, number)  # it leads its own session, hence its own group


async def _end_if_client_goes(
    client: "asyncssh.SSHServerProcess[bytes]", command: asyncio.subprocess.Process
) -> None:
    """End the command when its channel closes; asked, since a paused channel tells nobody."""
    while not client.channel.is_closing():
        await asyncio.sleep(CLOSE_POLL_SECONDS)
    _signal_group(command, signal.SIGTERM)
    await asyncio.sleep(GRACE_SECONDS)
    _signal_group(command, signal.SIGKILL)


async def _serve(client: "asyncssh.SSHServerProcess[bytes]") -> None:
    """Run one command, its exit code or signal being the channel's."""
    me = pwd.getpwuid(os.getuid())
    argv = [me.pw_shell or "/bin/sh"]
    if client.command is not None:
        argv += ["-c", client.command]
    kept = {name: os.environ[name] for name in os.environ if name.startswith("FAB_STATIC_FLEET")}
    command = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=PIECE_BYTES,
        start_new_session=True,
        cwd=me.pw_dir if Path(me.pw_dir).is_dir() else "/",
        # as sshd does: nothing of the server's own environment but the search path
        env={
            **kept,
            "PATH": os.environ["PATH"],
            "HOME": me.pw_dir,
            "USER": me.pw_name,
            "LOGNAME": me.pw_name,
            "SHELL": argv[0],
        },
    )
    if command.stdin is None or command.stdout is None or command.stderr is None:
        raise RuntimeError("asyncio gave no pipes")
    feeding = asyncio.create_task(_feed(client, command.stdin))
    watching = asyncio.create_task(_end_if_client_goes(client, command))
    try:
        await asyncio.gather(
            _show(command.stdout, client.stdout), _show(command.stderr, client.stderr)
        )
        code = await command.wait()
    finally:
        watching.cancel()
        feeding.cancel()
        if command.returncode is None:
            _signal_group(command, signal.SIGKILL)
    with contextlib.suppress(*GONE):
        if code < 0:
            client.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
        else:
            client.exit(code)


async def _main(options: argparse.Namespace) -> None:
    user = pwd.getpwuid(os.getuid()).pw_name
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = await asyncssh.listen(
        options.address,
        options.port,
        server_factory=_Server,
        server_host_keys=[str(options.host_key)],
        authorized_client_keys=str(options.authorized_keys),
        process_factory=_serve,
        sftp_factory=True,
        encoding=None,
        line_editor=False,
        agent_forwarding=False,
        compression_algs=["none"],
        login_timeout=30,
    )
    async with server:
        sys.stderr.write(f"{user} may log in at {options.address}:{options.port}\n")
        await stopped.wait()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host-key", type=Path, required=True)
    parser.add_argument("--authorized-keys", type=Path, required=True)
    asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()
