"""Certificates: Croupier's own development CA, a second Media Selector, and a revocation list that ends it.

All instances read the same files, as if one change were rolled out to all of them. Revocation is done with OpenSSL by
the commands of certs/README.md.
"""

import subprocess
from pathlib import Path

CONFIGURATION = """\
[ca]
default_ca = media
[media]
database = index.txt
crlnumber = crlnumber
default_md = sha256
crl_extensions = extensions
[extensions]
authorityKeyIdentifier = keyid
"""

CLIENT = """\
basicConstraints=critical,CA:false
keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth
subjectAltName=DNS:media-selector-2.example
"""


class Trust:
    def __init__(self, directory: Path, programs) -> None:
        self.directory = directory
        self.openssl = programs.openssl
        subprocess.run([programs.old, "certs", "dev", "--directory", directory], check=True, capture_output=True)
        (directory / "index.txt").touch()
        (directory / "crlnumber").write_text("1000\n")
        (directory / "crl.cnf").write_text(CONFIGURATION)
        (directory / "client.cnf").write_text(CLIENT)
        self.issue_second()

    def issue_second(self) -> None:
        self.run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", "second.key",
                 "-out", "second.csr", "-subj", "/CN=media-selector-2")
        self.run("x509", "-req", "-in", "second.csr", "-CA", "media-ca.pem", "-CAkey", "media-ca.key", "-days", "30",
                 "-out", "second.pem", "-extfile", "client.cnf")

    def revoke_second(self) -> None:
        """A list that has what the one before had, and the second Media Selector."""
        for certificate in ["revoked.pem", "second.pem"]:
            self.authority("-revoke", certificate, "-crl_reason", "keyCompromise")
        self.authority("-gencrl", "-crlhours", "72", "-out", "media-ca.crl.new")
        (self.directory / "media-ca.crl.new").rename(self.directory / "media-ca.crl")

    def identity(self, name: str) -> list[str]:
        """The options of a client by which it is that one."""
        files = [("--ca", "root.pem"), ("--certificate", f"{name}.pem"), ("--key", f"{name}.key")]
        return [part for option, file in files for part in (option, str(self.directory / file))]

    def authority(self, *arguments: str) -> None:
        self.run("ca", "-config", "crl.cnf", "-cert", "media-ca.pem", "-keyfile", "media-ca.key", *arguments)

    def run(self, *arguments: str) -> None:
        ran = subprocess.run([self.openssl, *arguments], cwd=self.directory, capture_output=True, text=True)
        if ran.returncode:
            raise RuntimeError(f"openssl {arguments[0]}: {ran.stderr.strip()}")
