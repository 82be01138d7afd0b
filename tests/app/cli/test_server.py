"""The commands that run Pug, as far as they get with settings that cannot work, and with TLS."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from pug_process import PugProcess

Run = Callable[..., Result]


@pytest.mark.parametrize("command", ["dev", "serve", "work", "migrate"])
@pytest.mark.parametrize(
    "setting",
    [("PUG_HTTP_PORT", "abc"), ("PUG_LOG_LEVEL", "loud"), ("PUG_CORS_ORIGINS", "nope"), ("CLICKHOUSE_URL", "http://u:SECRET/PW@h")],
)
def test_a_wrong_setting_is_one_line_before_any_engine_starts(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, setting: tuple[str, str]
) -> None:
    monkeypatch.setenv(*setting)

    result = run(command)

    assert result.exit_code == 1
    assert setting[0] in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.output
    assert "SECRET" not in result.output
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("command", ["dev", "serve"])
def test_a_certificate_without_its_key_is_one_line_before_any_engine_starts(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("PUG_TLS_CERTIFICATE", __file__)
    monkeypatch.setenv("PUG_TLS_KEY", "")

    result = run(command)

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "PUG_TLS_KEY" in result.stderr
    assert not (tmp_path / "nothing").exists()


@pytest.mark.skipif(not shutil.which("openssl"), reason="makes a certificate with openssl")
def test_a_self_signed_certificate_is_told_and_trusted_when_given(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    extensions = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run([*make.split(), *extensions, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    pug = PugProcess(tmp_path / "data", {"PUG_TLS_CERTIFICATE": str(certificate), "PUG_TLS_KEY": str(key)})
    pug.start()
    for name, value in {"PUG_DATA_DIR": str(pug.data_dir), "PUG_HTTP_PORT": "0", "PUG_GRPC_PORT": "0"}.items():
        monkeypatch.setenv(name, value)

    distrusted = run("schema")
    unwell = run("doctor")
    trusted = run("schema", "--ca-certificate", str(certificate))
    monkeypatch.setenv("PUG_CA_CERTIFICATE", str(certificate))
    well = run("doctor")

    assert pug.stop() == 0
    assert distrusted.exit_code == 1
    assert distrusted.stderr.count("\n") == 1
    assert "certificate is not trusted" in distrusted.stderr
    assert "--ca-certificate" in distrusted.stderr
    assert "certificate is not trusted" in unwell.stdout
    assert trusted.exit_code == 0, trusted.output
    assert well.exit_code == 0, well.output
