"""Settings: file and environment together, one sentence for every mistake, nothing weak online."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from gateway.settings import CONFIG_VARIABLE, BadSettings, load

STRONG = "9f8e7d6c5b4a39281706f5e4d3c2b1a0" * 2


def document() -> dict[str, Any]:
    return {
        "server": {"public_url": "https://gateway.example.cn", "environment": "production"},
        "database": {"url": "postgresql+asyncpg://db.example.cn/onewindow"},
        "keys": {"active": "k1", "ring": {"k1": STRONG}, "index": STRONG[::-1]},
        "identity": {"callback_base": "https://gateway.example.cn/auth/cb"},
        "audit": {"signing_key_file": "/etc/onewindow/audit-signing.pem"},
        "seal": {"upstream": "sd_seal"},
        "payments": {"upstream": "cnnontax_tcp"},
        "adapters": {
            "sd_jis": {
                "options": {"base_url": "https://jis.example.cn"},
                "secrets": {"appword": "kQ8sWz3vTn5yBx7m"},
            }
        },
    }


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """The environment, put back afterwards."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def written(folder: Path, data: dict[str, Any]) -> Path:
    path = folder / "settings.toml"
    path.write_text(tomli_w.dumps(data), "utf-8")
    return path


def changed(*path: str, value: Any) -> dict[str, Any]:
    data = document()
    place = data
    for name in path[:-1]:
        place = place.setdefault(name, {})
    place[path[-1]] = value
    return data


def test_sound_production(tmp_path: Path):
    settings = load(written(tmp_path, document()))
    assert settings.keys.ring_bytes() == {"k1": bytes.fromhex(STRONG)}
    assert STRONG not in repr(settings)
    assert "kQ8sWz3vTn5yBx7m" not in repr(settings)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (changed("server", "debug", value=True), "production refuses server.debug"),
        (changed("audit", value={}), "production needs audit.signing_key_file"),
        (changed("staff", "hash_rounds", value=1), "refuses cheap password hashes"),
        (changed("server", "public_url", value="http://gateway.example.cn"), "https"),
        (changed("sandbox", value={"folder": "/tmp/x"}), "sandbox section"),
        (changed("adapters", "sd_jis", "sandbox", value=True), "adapters.sd_jis"),
        (
            changed("adapters", "sd_jis", "options", "base_url", value="https://127.0.0.1:1"),
            "on this machine",
        ),
        (changed("adapters", "sd_jis", "secrets", "appword", value="short"), "weak secret"),
        (changed("adapters", "sd_jis", "secrets", "appword", value="a" * 32), "weak secret"),
        (
            changed("adapters", "sd_jis", "secrets", "appword", value="please-change-me-9f8e7d"),
            "weak secret",
        ),
        (changed("keys", "index", value="00" * 32), "weak secret keys.index"),
        (changed("server", "port", value=70000), "server.port"),
        (changed("server", "colour", value="red"), "server.colour"),
        (changed("worker", "concurrency", value=0), "worker.concurrency"),
        (changed("identity", "callback_base", value="ftp://x"), "identity.callback_base"),
        (changed("logs", "level", value="LOUD"), "logs.level"),
    ],
)
def test_mistake_is_one_sentence(tmp_path: Path, data: dict[str, Any], said: str):
    with pytest.raises(BadSettings) as raised:
        load(written(tmp_path, data))
    message = str(raised.value)
    assert said in message
    assert "\n" not in message
    assert "9f8e7d" not in message


def test_environment_wins_over_the_file(tmp_path: Path):
    os.environ["ONEWINDOW__SERVER__PORT"] = "9000"
    os.environ["ONEWINDOW__ADAPTERS__SD_JIS__SECRETS__APPWORD"] = "tR4kLp9wQz6xVn2b"
    settings = load(written(tmp_path, document()))
    assert settings.server.port == 9000
    secret = settings.adapters["sd_jis"].secrets["appword"]
    assert secret.get_secret_value() == "tR4kLp9wQz6xVn2b"
    assert settings.adapters["sd_jis"].options["base_url"] == "https://jis.example.cn"


def test_file_is_found_by_the_environment(tmp_path: Path):
    os.environ[CONFIG_VARIABLE] = str(written(tmp_path, document()))
    assert load().seal.upstream == "sd_seal"


def test_file_that_is_not_there_or_no_toml(tmp_path: Path):
    with pytest.raises(BadSettings, match=r"nothing\.toml"):
        load(tmp_path / "nothing.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[server\n", "utf-8")
    with pytest.raises(BadSettings, match="is not TOML"):
        load(broken)


def test_key_that_is_not_hexadecimal(tmp_path: Path):
    data = changed("keys", "ring", value={"k1": "not hexadecimal at all, but long enough"})
    settings = load(written(tmp_path, data))
    with pytest.raises(ValueError, match="non-hexadecimal"):
        settings.keys.ring_bytes()
