# SPDX-License-Identifier: Apache-2.0
"""The three passwords casegate needs, each from the environment or from a file, and the files each role must read.

Enters: the Config. Leaves: a password or a URL with the password in it, for the one caller that connects; nobody
prints it. Fails: ConfigError, one line with file and key.
"""

import ssl
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from sqlalchemy.engine import make_url

from gateway.config import Config
from gateway.config_errors import complaint

PASSWORD_OCTETS = 4096
ROLES_WITH_TLS = ("submission",)  # the MX only stops offering STARTTLS where it has no certificate


def database_url(config: Config) -> str:
    """The URL to connect with."""
    url = make_url(config.database.url)
    password = _secret(
        config, "CASEGATE_DATABASE_PASSWORD", ("database", "password_file"), config.database.password_file
    )
    if password and url.drivername != "sqlite":
        url = url.set(password=password)
    return url.render_as_string(hide_password=False)


def redis_url(config: Config) -> str:
    """The URL to connect with, or "" for casegate's own workers."""
    url = config.queue.redis_url
    file = config.queue.redis_password_file
    password = _secret(config, "CASEGATE_REDIS_PASSWORD", ("queue", "redis_password_file"), file)
    if not url or not password:
        return url
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    user = login.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def outbound_password(config: Config) -> str:
    """What the smarthost wants for outbound.username; "" without one."""
    if not config.outbound.username:
        return ""
    place = ("outbound", "password_file")
    password = _secret(config, "CASEGATE_OUTBOUND_PASSWORD", place, config.outbound.password_file)
    if not password:
        expected = "a file with the password, or CASEGATE_OUTBOUND_PASSWORD, since outbound.username is set"
        raise complaint(config.source, place, '""', expected)
    return password


def check_files(config: Config, role: str) -> None:
    """Refuse to start a role ("mx", "submission", "worker", "web"; "serve" is all of them) without what it reads."""
    database_url(config)
    redis_url(config)
    if role in ("worker", "serve"):
        outbound_password(config)
    if role in (*ROLES_WITH_TLS, "serve") and (config.submission.listen or config.submission.listen_tls):
        check_certificate(config)


def tls_context(config: Config) -> ssl.SSLContext:
    """The server's side of TLS; raises OSError or SSLError. A key with a passphrase fails, OpenSSL would ask for it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(config.tls.certificate, config.tls.key, password="")
    return context


def check_certificate(config: Config) -> None:
    """Certificate and key can be read and belong together."""
    certificate, key = config.tls.certificate, config.tls.key
    for name, path in (("certificate", certificate), ("key", key)):
        _read(config, ("tls", name), path)
    try:
        tls_context(config)
    except (OSError, ssl.SSLError) as error:
        reason = f" ({error.reason})" if isinstance(error, ssl.SSLError) and error.reason else ""
        if not _is_certificate(certificate):
            expected = "a certificate in PEM, its chain behind it"
            raise complaint(config.source, ("tls", "certificate"), f'"{certificate}"{reason}', expected) from None
        expected = "the private key of tls.certificate in PEM, without a passphrase"
        raise complaint(config.source, ("tls", "key"), f'"{key}"{reason}', expected) from None


def _is_certificate(path: Path) -> bool:
    from cryptography import x509

    try:
        return bool(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError):
        return False


def _secret(config: Config, variable: str, place: tuple[str, str], file: Path | None) -> str:
    given = config.from_environment(variable)
    if given or file is None:
        return given
    try:
        password = _read(config, place, file).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        password = ""
    if not password or not password.isprintable():
        raise complaint(config.source, place, f'"{file}" without a password', "a file of one line, the password")
    return password


def _read(config: Config, place: tuple[str, str], path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(PASSWORD_OCTETS)
    except OSError as error:
        raise complaint(config.source, place, f'"{path}" ({error.strerror})', "a readable file") from None
