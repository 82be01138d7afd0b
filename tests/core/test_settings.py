import re
from pathlib import Path

import pytest

from app.cli.client import CliError, read_settings
from core.errors import SettingsInvalid
from core.settings import Settings, check_sign_in, check_tls, unknown_settings

EXAMPLE = Path(__file__).parent.parent.parent / ".env.example"


def test_every_setting_is_documented_in_the_example_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    documented = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    names = {str(field.validation_alias or f"PUG_{name.upper()}") for name, field in Settings.model_fields.items()}
    for name in documented:
        monkeypatch.delenv(name, raising=False)

    from_example = Settings(_env_file=EXAMPLE)  # pyright: ignore[reportCallIssue] (pydantic-settings adds the parameter at run time)

    assert set(documented) == names
    assert from_example == Settings(_env_file=None)  # pyright: ignore[reportCallIssue] (as above)


def test_urls_which_may_hold_passwords_never_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_URL", "postgresql+psycopg://pug:hunter2@db/pug")

    settings = Settings()

    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_an_empty_text_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PUG_TLS_CERTIFICATE", "PUG_TLS_KEY", "PUG_HTTP_PORT", "PUG_LOG_LEVEL"):
        monkeypatch.setenv(name, "")

    settings = Settings()

    assert (settings.tls_certificate, settings.tls_key, settings.http_port, settings.log_level) == (None, None, 8080, "info")
    check_tls(settings)


@pytest.mark.parametrize(
    ("certificate", "key", "message", "field"),
    [
        ("certificate", None, "PUG_TLS_KEY is not", "PUG_TLS_KEY"),
        (None, "key", "PUG_TLS_CERTIFICATE is not", "PUG_TLS_CERTIFICATE"),
        ("missing", "key", "cannot be read: No such file", "PUG_TLS_CERTIFICATE"),
        ("key", "key", "holds no certificate", "PUG_TLS_CERTIFICATE"),
        ("certificate", "certificate", "holds no private key", "PUG_TLS_KEY"),
        ("certificate", "key", "do not work together", "PUG_TLS_KEY"),
    ],
)
def test_a_certificate_no_server_could_start_with_names_the_setting(
    tmp_path: Path, certificate: str | None, key: str | None, message: str, field: str
) -> None:
    for name, kind in (("certificate", "CERTIFICATE"), ("key", "PRIVATE KEY")):
        (tmp_path / name).write_text(f"-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n")
    settings = Settings(tls_certificate=tmp_path / certificate if certificate else None, tls_key=tmp_path / key if key else None)

    with pytest.raises(SettingsInvalid, match=message) as raised:
        check_tls(settings)

    assert raised.value.field == field
    assert raised.value.hint


def test_trusted_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUG_TRUSTED_PROXIES", '["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]')

    assert [str(network) for network in Settings().trusted_proxies] == ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]


@pytest.mark.parametrize("value", ['["nonsense"]', '["10.0.0.0/8", "10.0.0.5/8"]', "[1]", '[""]', '[["10.0.0.0/8"]]', "[null]"])
def test_a_proxy_that_is_no_network_names_the_setting(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PUG_TRUSTED_PROXIES", value)

    with pytest.raises(CliError, match=r"^A setting cannot be used: PUG_TRUSTED_PROXIES: [^;\n]*$"):
        read_settings()


def test_a_name_that_is_no_setting_is_found_with_the_nearest_that_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("PUG_NAT_SYNC=always\nPUG_BLOCK_ROWS=1\nOTHER=1\n")
    for name in ("PUG_BLOCK_ROWZ", "PUG_URL", "PUG_WRITE_KEY", "PUG_SECRET_KEY", "PUG_CA_CERTIFICATE", "PUG_TEST_X", "PUG_ZZZZZZZZZZZ"):
        monkeypatch.setenv(name, "1")

    assert unknown_settings() == [
        ("PUG_BLOCK_ROWZ is no setting and does nothing.", "Did you mean PUG_BLOCK_ROWS?"),
        ("PUG_NAT_SYNC is no setting and does nothing.", "Did you mean PUG_NATS_SYNC?"),
        ("PUG_ZZZZZZZZZZZ is no setting and does nothing.", ".env.example lists them all."),
    ]


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"smtp_url": "smtp://mail"}, "PUG_MAIL_FROM"),
        ({"smtp_url": "smtp://mail", "mail_from": "pug@example.com"}, "PUG_PUBLIC_URL"),
        ({"mail_from": "pug@example.com", "public_url": "https://pug.example"}, "PUG_SMTP_URL"),
        ({"oidc_issuer": "https://login.example.com"}, "PUG_OIDC_CLIENT_ID"),
        ({"oidc_client_secret": "hunter2"}, "PUG_OIDC_ISSUER"),
    ],
)
def test_what_belongs_together_is_set_together(given: dict[str, str], missing: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        check_sign_in(Settings.model_validate(given))

    assert refused.value.field == missing
    assert "hunter2" not in refused.value.message


@pytest.mark.parametrize("given", [{}, {"public_url": "https://pug.example"}, {"sign_up": "closed", "confirm_email": False}])
def test_what_may_be_set_alone_is_fine(given: dict[str, str]) -> None:
    check_sign_in(Settings.model_validate(given))


@pytest.mark.parametrize("value", ["short", "g" * 64, "0" * 63, "0" * 65])
def test_a_key_that_is_no_64_hexadecimal_digits_is_refused_and_never_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PUG_ERASURE_KEY", value)

    with pytest.raises(CliError, match=r"PUG_ERASURE_KEY: .*64 hexadecimal digits") as error:
        read_settings()

    assert value not in str(error.value)
