from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import DownloadError, ModelError
from core.pretrained.download import RemoteFile, digest_matches, fetch

CONTENT = os.urandom(300_000)
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)


def remote(server: Any, **changes: Any) -> RemoteFile:
    server.content = server.content or CONTENT
    fields = {"digest": SHA256, "size_bytes": len(CONTENT), "exact_size": True, **changes}
    return RemoteFile(fields.pop("url", server.url), **fields)


def code(server: Any, target: Path, **options: Any) -> str:
    changes = options.pop("changes", {})
    with pytest.raises(DownloadError) as caught:
        fetch(remote(server, **changes), target, timeout_s=options.pop("timeout_s", 5), **options)
    assert not target.exists()
    return caught.value.code.removeprefix("pretrained.")


def test_a_file_arrives_whole_with_progress_and_nothing_left_beside_it(
    server: Any, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    target = tmp_path / "new" / "file.h5"
    assert fetch(remote(server), target, progress=lambda *at: seen.append(at)) == target
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [at for at, _ in seen] == sorted(at for at, _ in seen)
    assert sorted(os.listdir(target.parent)) == ["file.h5", "file.h5.lock"]


def test_a_file_that_is_there_is_not_fetched_again(server: Any, tmp_path: Path) -> None:
    for _ in range(2):
        fetch(remote(server), tmp_path / "file.h5")
    assert len(server.requests) == 1


def test_a_wrong_hash_is_refused_and_nothing_is_kept(server: Any, tmp_path: Path) -> None:
    wrong = {"digest": "sha256:" + "0" * 64}
    assert code(server, tmp_path / "file.h5", changes=wrong) == "download_hash"
    assert os.listdir(tmp_path) == ["file.h5.lock"]


@pytest.mark.parametrize("name", ["sha256", "sha384", "md5"])
def test_every_kind_of_published_digest_is_checked(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert digest_matches(path, f"{name}:{hashlib.new(name, CONTENT).hexdigest()}")
    assert not digest_matches(path, f"{name}:{hashlib.new(name, b'').hexdigest()}")


def test_an_unknown_digest_is_a_mistake_of_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ValueError, match="crc32"):
        digest_matches(tmp_path / "file", "crc32:0")


def test_a_broken_connection_is_resumed_where_it_broke(server: Any, tmp_path: Path) -> None:
    target = tmp_path / "file.h5"
    server.send_only = 100_000
    assert code(server, target) == "download_cut"
    assert (tmp_path / "file.h5.part").stat().st_size == 100_000
    server.send_only = None
    seen: list[int] = []
    fetch(remote(server), target, progress=lambda at, _total: seen.append(at))
    assert target.read_bytes() == CONTENT
    assert server.requests[1]["range"] == "bytes=100000-"
    assert seen[0] > 100_000


def test_a_server_that_ignores_ranges_starts_over(server: Any, tmp_path: Path) -> None:
    server.send_only = 100_000
    code(server, tmp_path / "file.h5")
    server.send_only, server.ranges = None, False
    fetch(remote(server), tmp_path / "file.h5")
    assert (tmp_path / "file.h5").read_bytes() == CONTENT


def test_a_file_that_changed_on_the_server_is_not_glued_to_its_old_half(
    server: Any, tmp_path: Path
) -> None:
    server.content = os.urandom(len(CONTENT))
    server.send_only = 100_000
    code(server, tmp_path / "file.h5")
    server.content, server.etag, server.send_only = CONTENT, '"two"', None
    fetch(remote(server), tmp_path / "file.h5")
    assert (tmp_path / "file.h5").read_bytes() == CONTENT


def test_a_glued_file_without_versions_is_fetched_once_more_whole(
    server: Any, tmp_path: Path
) -> None:
    server.etag = ""
    (tmp_path / "file.h5.part").write_bytes(b"x" * 1000)
    fetch(remote(server), tmp_path / "file.h5")
    assert (tmp_path / "file.h5").read_bytes() == CONTENT
    assert ["range" in request for request in server.requests] == [True, False]


def test_without_a_digest_only_a_known_version_is_resumed(server: Any, tmp_path: Path) -> None:
    (tmp_path / "file.h5.part").write_bytes(b"x" * 1000)
    fetch(remote(server, digest=None), tmp_path / "file.h5")
    assert (tmp_path / "file.h5").read_bytes() == CONTENT
    assert "range" not in server.requests[0]


def test_a_wrong_answer_to_a_range_is_refused(server: Any, tmp_path: Path) -> None:
    (tmp_path / "file.h5.part").write_bytes(CONTENT[:1000])
    server.bad_range = True
    assert code(server, tmp_path / "file.h5") == "download_unreachable"


def test_a_part_beyond_the_servers_file_is_dropped(server: Any, tmp_path: Path) -> None:
    server.content = CONTENT
    (tmp_path / "file.h5.part").write_bytes(b"x" * 400_000)
    loose = remote(server, size_bytes=290_000, exact_size=False)
    fetch(loose, tmp_path / "file.h5")
    assert [("range" in request) for request in server.requests] == [True, False]


def test_a_server_that_falls_silent_is_left(server: Any, tmp_path: Path) -> None:
    server.holding_after = 1000
    started = time.monotonic()
    assert code(server, tmp_path / "file.h5", timeout_s=0.3) == "download_stalled"
    assert time.monotonic() - started < 3


def test_a_trickle_counts_as_silence(tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n")
            try:
                for _ in range(200):
                    connection.sendall(b"x")
                    time.sleep(0.05)
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    file = RemoteFile(f"http://127.0.0.1:{listener.getsockname()[1]}/f", SHA256, 300_000, True)
    with pytest.raises(DownloadError) as caught:
        fetch(file, tmp_path / "file.h5", timeout_s=0.4)
    assert caught.value.code == "pretrained.download_stalled"
    thread.join()
    listener.close()


@pytest.mark.parametrize("status", [404, 403, 500, 416])
def test_a_refusal_of_the_server_is_told_with_its_status(
    server: Any, tmp_path: Path, status: int
) -> None:
    server.status = status
    with pytest.raises(DownloadError, match=str(status)) as caught:
        fetch(remote(server), tmp_path / "file.h5")
    assert caught.value.code == "pretrained.download_status"
    assert caught.value.fields["host"] == "127.0.0.1"


def test_a_redirect_is_followed(server: Any, tmp_path: Path) -> None:
    server.redirect = "/elsewhere"
    fetch(remote(server), tmp_path / "file.h5")
    assert (tmp_path / "file.h5").read_bytes() == CONTENT


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_a_redirect_out_of_http_is_not_followed(server: Any, tmp_path: Path, place: str) -> None:
    server.redirect = place
    assert code(server, tmp_path / "file.h5") in ("download_status", "download_unreachable")


def test_other_schemes_are_not_opened(server: Any, tmp_path: Path) -> None:
    changes = {"url": "file:///etc/passwd"}
    assert code(server, tmp_path / "file.h5", changes=changes) == "download_scheme"


def test_a_file_larger_than_announced_is_stopped_before_it_is_stored(
    server: Any, tmp_path: Path
) -> None:
    server.content = b"x" * 400_000
    assert code(server, tmp_path / "file.h5") == "download_size"
    server.announce_length = False
    assert code(server, tmp_path / "file.h5") == "download_size"
    assert (tmp_path / "file.h5.part").stat().st_size <= len(CONTENT)


def test_a_file_shorter_than_announced_is_not_kept(server: Any, tmp_path: Path) -> None:
    server.content = CONTENT[:-1]
    assert code(server, tmp_path / "file.h5") == "download_size"


def test_what_the_check_refuses_is_not_kept(server: Any, tmp_path: Path) -> None:
    def check(path: Path) -> None:
        assert path.read_bytes() == CONTENT
        raise ModelError("pretrained.not_keras", name="file.h5")

    with pytest.raises(ModelError):
        fetch(remote(server, digest=None), tmp_path / "file.h5", check=check)
    assert os.listdir(tmp_path) == ["file.h5.lock"]


def test_no_network_is_told_with_the_host(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        file = RemoteFile(f"http://127.0.0.1:{port}/f", SHA256, 1, True)
        with pytest.raises(DownloadError, match=r"127\.0\.0\.1.*models/local") as caught:
            fetch(file, tmp_path / "file.h5")
    assert caught.value.code == "pretrained.download_unreachable"


def test_an_unknown_host_is_told(tmp_path: Path) -> None:
    file = RemoteFile("http://no-such-host.invalid/f", SHA256, 1, True)
    with pytest.raises(DownloadError, match="no-such-host"):
        fetch(file, tmp_path / "file.h5")


def test_the_proxy_of_the_environment_is_used(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url.rsplit("/", 1)[0])
    monkeypatch.setenv("no_proxy", "")
    fetch(remote(server, url="http://far-away.invalid/file.h5"), tmp_path / "file.h5")
    assert server.requests[0]["host"] == "far-away.invalid"


def test_a_folder_that_cannot_be_written_is_told(server: Any, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    assert code(server, tmp_path / "taken" / "file.h5") == "download_disk"


def test_a_user_who_stops_the_download_may_go_on_later(server: Any, tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(_received: int, _total: int) -> None:
        raise StopError

    with pytest.raises(StopError):
        fetch(remote(server), tmp_path / "file.h5", progress=stop)
    fetch(remote(server), tmp_path / "file.h5")
    assert "range" in server.requests[1]


def test_two_threads_download_once_and_nobody_sees_half_a_file(server: Any, tmp_path: Path) -> None:
    server.holding_after = 100_000
    target = tmp_path / "file.h5"
    file = remote(server)
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch(file, target).read_bytes()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    assert not target.exists()
    assert found == []
    server.hold.set()
    for thread in threads:
        thread.join()
    assert found == [CONTENT] * 4
    assert len(server.requests) == 1


def test_another_process_waits_for_the_one_that_downloads(server: Any, tmp_path: Path) -> None:
    server.holding_after = 1000
    target = tmp_path / "file.h5"
    file = remote(server)
    script = (
        "import sys; from pathlib import Path\n"
        "from core.pretrained.download import RemoteFile, fetch\n"
        f"fetch(RemoteFile({file.url!r}, {SHA256!r}, {len(CONTENT)}, True), Path(sys.argv[1]))\n"
    )
    thread = threading.Thread(target=fetch, args=(file, target))
    thread.start()
    while not server.requests:
        time.sleep(0.01)
    project = Path(__file__).parents[3]
    other = subprocess.Popen([sys.executable, "-c", script, str(target)], cwd=project)
    time.sleep(0.5)
    server.hold.set()
    thread.join()
    assert other.wait(20) == 0
    assert len(server.requests) == 1


def test_waiting_for_another_download_ends(server: Any, tmp_path: Path) -> None:
    server.holding_after = 1000
    thread = threading.Thread(target=fetch, args=(remote(server), tmp_path / "file.h5"))
    thread.start()
    while not server.requests:
        time.sleep(0.01)
    assert code(server, tmp_path / "file.h5", wait_s=0.2) == "download_busy"
    server.hold.set()
    thread.join()


def test_a_lock_left_by_a_process_that_died_holds_nobody_up(server: Any, tmp_path: Path) -> None:
    (tmp_path / "file.h5.lock").write_text("left behind")
    fetch(remote(server), tmp_path / "file.h5", wait_s=0.2)
    assert (tmp_path / "file.h5").exists()
