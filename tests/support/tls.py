# SPDX-License-Identifier: Apache-2.0
"""A certificate authority and a server's certificate, as files."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

NAMES = ("gw.example", "mx.example", "localhost", "127.0.0.1")


@dataclass(frozen=True)
class TlsFiles:
    """Paths in PEM: the certificate with its chain, its key, the authority that signed it."""

    certificate: Path
    key: Path
    ca: Path

    def client_context(self) -> ssl.SSLContext:
        """For a client that trusts this authority and checks the name."""
        return ssl.create_default_context(cafile=str(self.ca))

    def server_context(self) -> ssl.SSLContext:
        """For a server, such as a fake remote MX."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make(directory: Path, names: tuple[str, ...] = NAMES) -> TlsFiles:
    """Write the files for a server of these names into a directory."""
    authority = trustme.CA()
    server = authority.issue_cert(*names)
    files = TlsFiles(directory / "tls.pem", directory / "tls.key", directory / "ca.pem")
    authority.cert_pem.write_to_path(files.ca)
    server.private_key_pem.write_to_path(files.key)
    files.key.chmod(0o600)
    for blob in server.cert_chain_pems:
        blob.write_to_path(files.certificate, append=True)
    return files
