"""The project: the global certificate manager, its devices and their local managers.

Every operation is one step: it either happens completely, with its line in the history, or raises and nothing has changed.
The rules are in the modules beside this one, as functions over a draft; this is the face, and who may do what.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import ParameterError
from . import create as creating
from . import devices as tables
from . import exchange, groups
from . import revoke as revoking
from .create import Issuer, Wish
from .custody import Custody
from .device import Device
from .entry import Entry
from .exchange import Export, ImportedAs, Protection
from .issue import moment
from .material import Material, Source, read
from .session import utc_now
from .snapshot import Revocation
from .state import DeviceConfig, DeviceKind, Draft, Group
from .vault import Right

__all__ = ["Project"]


class Project(Custody):
    """A certificate manager, in memory or in a file. Made by `Project.create` and `Project.open`.

    Every operation that writes a time takes `now` (aware); without it the host's clock is asked. Every operation raises
    `ParameterError` where the arguments cannot be done, and `CertificateError` where a certificate is at fault.
    """

    def add_device(
        self,
        name: str,
        *,
        addresses: Sequence[str] = (),
        names: Sequence[str] = (),
        kind: DeviceKind = "CPU",
        profile: str = "S7-1500 V3.1",
        global_settings: bool = True,
        revocation: Revocation = "off",
        now: datetime | None = None,
    ) -> Device:
        """Add a device. A CPU gets its PG/HMI certificate at once, issued by CA 3, which appears when needed (R28, R34).

        Args:
            name: 1 to 40 characters without "/".
            addresses: IP addresses of every interface; they go into its certificates.
            names: DNS names.
            kind: `CPU`, `CP` (one device certificate only) or `PC`.
            profile: CPU and firmware, a name of `ouc.profiles.NAMES`: which services have certificates, and warnings about
                what it cannot use. Empty for a partner without documented limits.
            global_settings: "Use global security settings"; without it the device knows only self-signed certificates
                of its own.
            revocation: What verification on this device does with revocation lists: `off` (as a CPU), `if-present` or
                `required`.
            now: Time of the operation.
        """
        config = DeviceConfig(
            name=name, addresses=tuple(addresses), names=tuple(names), kind=kind, profile=profile,
            global_settings=global_settings and self.protection in ("process", "password"), revocation=revocation,
        )  # fmt: skip
        self._change("administrator", now, lambda draft: tables.add_device(draft, config))
        return self.device(name)

    def remove_device(self, name: str, *, now: datetime | None = None) -> None:
        """Take a device out of the project; certificates made for it stay until they are deleted."""
        self._change("administrator", now, lambda draft: tables.remove_device(draft, name))

    def enable_web_server(self, name: str, *, now: datetime | None = None) -> Entry:
        """Switch the web server on, which brings its certificate `<CPU>/Webserver-<ID>` (R29)."""
        return self._change("administrator", now, lambda draft: tables.switch_on(draft, name, "web"))

    def enable_opc_ua_server(self, name: str, *, now: datetime | None = None) -> Entry:
        """Switch the OPC UA server on, which brings its certificate `<CPU>/OPCUA-1-<ID>`, issued by CA 2 (R29, R72)."""
        return self._change("administrator", now, lambda draft: tables.switch_on(draft, name, "opcua"))

    def use_global_settings(self, name: str, *, on: bool, now: datetime | None = None) -> tuple[int, ...]:
        """Turn a device's switch; turning it on wipes its local manager. Gives back the IDs that are gone (R30)."""
        self._global()
        if on:
            return self._change("administrator", now, lambda draft: tables.use_global_settings(draft, name))
        self._change("administrator", now, lambda draft: tables.use_local_settings(draft, name))
        return ()

    def set_addresses(
        self, name: str, addresses: Sequence[str], *, names: Sequence[str] | None = None, now: datetime | None = None
    ) -> tuple[int, ...]:
        """Change addresses. Local certificates are renewed at once; gives back the global ones to renew (R142, R143)."""
        return self._change("administrator", now, lambda draft: tables.readdress(draft, name, addresses, names))

    def set_profile(self, name: str, profile: str, *, now: datetime | None = None) -> tuple[int, ...]:
        """Another CPU or firmware (R18, R20). Gives back IDs of its certificates that this firmware has no use for."""
        return self._change("administrator", now, lambda draft: tables.set_profile(draft, name, profile))

    def set_revocation(self, name: str, policy: Revocation, *, now: datetime | None = None) -> None:
        """Choose what a device does with revocation lists: `off`, `if-present`, `required`."""
        self._change("standard", now, lambda draft: tables.set_revocation(draft, name, policy))

    def new(
        self,
        *,
        usage: str,
        issuer: Issuer = None,
        device: str | None = None,
        common_name: str | None = None,
        san: Sequence[str] | None = None,
        key: str | None = None,
        hash: str | None = None,  # noqa: A002 - the dialog's word
        days: int | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        path_length: int | None = None,
        organization: str = "",
        country: str = "",
        legacy: bool = False,
        now: datetime | None = None,
    ) -> Entry:
        """Create a certificate under a new ID.

        Args:
            usage: A template: `tls`, `tls-server`, `tls-client`, `web`, `opcua`, `opcua-client`,
                `opcua-client-server`, `communication`, `ca`.
            issuer: ID of a CA whose private key is in the project, or `"self"`; by default CA 3 (2 for OPC UA), and a
                CA signs itself.
            device: Device that gets it as its own; None makes it in the global manager only.
            common_name: By default `<device>/<service>-<ID>`.
            san: `IP:…`, `DNS:…`, `URI:…`; by default the device's addresses and names.
            key: `ec-p256`, `ec-p384`, `rsa-2048`, `rsa-4096`; `rsa-1024` with `legacy`.
            hash: `sha256`, `sha384`, `sha512`; `sha1` with `legacy`.
            days: Validity; about 13 years by default, never longer than the issuer's.
            not_before, not_after: Validity as moments (aware).
            path_length: For a CA: how many CAs may follow below it.
            organization, country: Parts of the subject.
            legacy: Allow what is broken.
            now: Time of the operation.

        Returns:
            The entry; its `notes` say what a device cannot use of it.

        Raises:
            ParameterError: It cannot be made; nothing has changed then.
        """
        wish = Wish(
            usage=usage, issuer=issuer, device=device or "", common_name=common_name, san=san, key=key, hash=hash,
            days=days, not_before=not_before, not_after=not_after, path_length=path_length, organization=organization,
            country=country, legacy=legacy,
        )  # fmt: skip
        local = device is not None and not self._backing.current().device(device).global_settings
        if not (local and issuer in (None, "self")):
            self._global()
        return self._change("administrator", now, lambda draft: creating.create(draft, wish))

    def renew(
        self,
        number: int,
        *,
        keep_key: bool | None = None,
        issuer: Issuer = None,
        common_name: str | None = None,
        san: Sequence[str] | None = None,
        key: str | None = None,
        hash: str | None = None,  # noqa: A002 - the dialog's word
        days: int | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        legacy: bool = False,
        now: datetime | None = None,
    ) -> Entry:
        """A new certificate under the same ID: new validity, algorithms, key or subjectAltName (R55).

        What is not given stays as it was: the validity begins now and has the same span, within the issuer's. Addresses
        and names that its device has given up go, and the present ones come in (`differences` tells). Certificates that a
        CA with a new key has signed are re-issued (`affected` lists them beforehand).

        Args:
            number: ID of a certificate whose private key is in the project.
            keep_key: Keep the key pair; by default a CA keeps it and a device gets a new one.
            issuer, common_name, san, key, hash, days, not_before, not_after, legacy, now: As for `new`.
        """
        wish = Wish(
            usage="", issuer=issuer, common_name=common_name, san=san, key=key, hash=hash, days=days,
            not_before=not_before, not_after=not_after, legacy=legacy,
        )  # fmt: skip
        return self._change("administrator", now, lambda draft: creating.renew(draft, number, wish, keep_key=keep_key)[0])

    def replace(
        self,
        number: int,
        source: Source,
        *,
        key: Source | None = None,
        password: str | bytes | None = None,
        now: datetime | None = None,
    ) -> tuple[Entry, tuple[int, ...]]:
        """Swap in a certificate from outside under the same ID (R56).

        Args:
            number: ID of the certificate that goes.
            source: PKCS#12, or PEM or DER.
            key: The private key, where it is in a file of its own. Not needed where the key pair stays.
            password: Of the key or the archive.
            now: Time of the operation.

        Returns:
            The entry, and the IDs that were re-issued because a CA was replaced.
        """
        self._global()
        found = _read(source, key, password)

        def swap(draft: Draft) -> tuple[Entry, tuple[int, ...]]:
            return exchange.swap(draft, number, found)

        return self._change("administrator", now, swap)

    def import_(
        self,
        source: Source,
        *,
        as_: ImportedAs,
        key: Source | None = None,
        password: str | bytes | None = None,
        device: str | None = None,
        id: int | None = None,  # noqa: A002 - the column's word
        now: datetime | None = None,
    ) -> tuple[Entry, ...]:
        """Take a certificate over, with its chain, under new IDs (R39).

        Args:
            source: PEM, DER or PKCS#12: a path or bytes.
            as_: `device` (own certificate, with key), `partner` (of the given device), `ca` or `trusted`.
            key: The private key, where it is in a file of its own.
            password: Of the key or the archive.
            device: Device to assign it to.
            id: The ID that TIA Portal gave; refused if it was ever used.
            now: Time of the operation.

        Returns:
            The entries; the first is the certificate that was meant, the others are its chain.
        """
        self._global()
        found = _read(source, key, password)
        return self._change(
            "administrator",
            now,
            lambda draft: exchange.import_material(draft, found, imported_as=as_, device=device or "", wanted=id),
        )

    def export(
        self,
        number: int,
        form: str,
        *,
        private_key: bool = False,
        password: str | bytes | None = None,
        default_password: bool = False,
        chain: bool = False,
        method: str | None = None,
        unencrypted: bool = False,
        now: datetime | None = None,
    ) -> Export:
        """Write a certificate in one of the formats of TIA Portal's matrix (R43).

        Args:
            number: ID.
            form: `cer`, `der`, `crt`, `pem`, `p12`, or `crl` for the current revocation list of a CA.
            private_key: Write the key too (p12 always does). Needs an administrator.
            password: Encrypts the key or the archive.
            default_password: Use the project's name as password, as TIA Portal does when none is typed (R46).
            chain: Write the public certificates up to the root too; crt and pem only.
            method: Encryption of a key in PEM: `aes-256` (the default), `aes-192`, `aes-128`, `3des`.
            unencrypted: Write the private key in clear. cer and der cannot do otherwise, and want to be told so.
            now: Time of an empty list.

        Raises:
            ParameterError: The matrix does not have it, a password would protect nothing, or the key would lie in clear
                without `unencrypted`.
        """
        if form == "crl":
            if private_key or chain or password is not None or default_password or method is not None or unencrypted:
                raise ParameterError(".crl is a revocation list and nothing else", where="format",
                                     remedy="Leave the options about keys and chains out")  # fmt: skip
            current = self.crl(number)
            empty = None if current is not None else self.empty_crl(number, now=now)
            return Export(data=current.public_bytes(Encoding.DER) if current is not None else empty or b"")
        state = self._backing.current()
        entry = state.entry(number)
        with_key = private_key or form == "p12"
        if with_key:
            self._still_logged_in(state)
        if with_key and not entry.has_key:
            raise ParameterError(
                f"the private key of certificate {number} is not in the project", where=self.name,
                remedy="Export it where it was made, or leave the private key out",
            )
        if with_key and self.right != "administrator":
            raise ParameterError(
                "only an administrator exports private keys", where=self.name,
                remedy="Log in as an administrator: --user",
            )
        if with_key and self.protection in ("none", "clear"):
            self._global()
        return exchange.export(
            state, entry, form, key=self._key(entry) if with_key else None, chain=chain,
            protection=Protection(
                password=password, default_password=default_password, method=method, unencrypted=unencrypted
            ),
        )  # fmt: skip

    def delete(self, number: int, *, now: datetime | None = None) -> Entry:
        """Delete a certificate; its ID is retired for good and its history stays.

        Default CAs cannot be deleted, nor what a CP was given, nor a CA while what it issued is still there.
        """
        return self._change("administrator", now, lambda draft: tables.delete(draft, number))

    def assign(self, number: int, device: str, *, used_as: str | None = None, now: datetime | None = None) -> Entry:
        """List a certificate in a device's tables, so that the next download brings it there (R24, R57).

        Args:
            number: ID.
            device: Name.
            used_as: `device` (its own), `web` (its own, for the web server) or `trusted` ("Certificates of partner
                devices"); by default `device` where the private key is in the project.
            now: Time of the operation.
        """
        self._global()
        needs_key = used_as in ("device", "web")
        right: Right = "administrator" if needs_key else "standard"
        return self._change(right, now, lambda draft: tables.assign(draft, number, device, used_as))

    def unassign(self, number: int, device: str, *, now: datetime | None = None) -> Entry:
        """Take a certificate out of a device's tables; it stays in the project."""
        return self._change("standard", now, lambda draft: tables.unassign(draft, number, device))

    # -- requests and revocation --------------------------------------------------------------------------------------

    def request(
        self,
        *,
        number: int | None = None,
        usage: str = "tls",
        device: str | None = None,
        common_name: str | None = None,
        san: Sequence[str] | None = None,
        key: str | None = None,
        now: datetime | None = None,
    ) -> bytes:
        """A certificate signing request (PKCS#10, PEM) for a CA outside.

        Args:
            number: Ask for a successor of this ID, with its key; bring it in with `replace`. None makes a new key,
                which waits in the project for the certificate; bring it in with `import_(as_="device")`.
            usage, device, common_name, san, key, now: As for `new`.
        """
        self._global()
        wish = Wish(usage=usage, device=device or "", common_name=common_name, san=san, key=key)
        return self._change(
            "administrator", now, lambda draft: exchange.request(draft, wish, number)
        ).public_bytes(Encoding.PEM)

    def sign(
        self,
        csr: Source,
        *,
        issuer: int,
        usage: str = "tls",
        san: Sequence[str] | None = None,
        days: int | None = None,
        now: datetime | None = None,
    ) -> Entry:
        """Sign somebody else's request with a CA of the project. The usage decides the extensions, not the request.

        Args:
            csr: PEM or DER.
            issuer: ID of the CA.
            usage, san, days, now: As for `new`; without `san` that of the request is taken over.
        """
        self._global()
        found = read(csr)
        if not found.requests:
            raise ParameterError(
                "no certificate signing request in it", where="csr",
                remedy="Give the partner's request: PKCS#10 in PEM or DER",
            )
        wish = Wish(usage=usage, issuer=issuer, san=san, days=days)
        return self._change("administrator", now, lambda draft: exchange.sign(draft, found.requests[0], wish))

    def revoke(self, number: int, *, reason: str = "unspecified", now: datetime | None = None) -> Entry:
        """Revoke a certificate that a CA of the project issued; its new list is there at once.

        Args:
            number: ID.
            reason: `unspecified`, `key-compromise`, `ca-compromise`, `affiliation-changed`, `superseded`,
                `cessation-of-operation`, `certificate-hold`, `privilege-withdrawn`, `aa-compromise`.
            now: Time of revocation.
        """
        self._global()
        return self._change("administrator", now, lambda draft: revoking.revoke(draft, number, reason))

    def new_crl(self, issuer: int, *, days: int = revoking.CRL_DAYS, now: datetime | None = None) -> bytes:
        """A new revocation list of a CA (DER): the next number, due again in `days` days."""
        self._global()
        return self._change("administrator", now, lambda draft: revoking.make_list(draft, issuer, days)).der

    def empty_crl(self, issuer: int, *, days: int = revoking.CRL_DAYS, now: datetime | None = None) -> bytes:
        """The empty list that TIA Portal exports (DER); refused once the CA has revoked something (R48)."""
        draft = Draft(self._backing.current(), vault=self._vault, now=moment(now or utc_now()), make_key=self._make_key)
        return revoking.empty_crl(draft, issuer, days)

    def import_crl(self, source: Source, *, now: datetime | None = None) -> tuple[int, ...]:
        """Take over revocation lists of foreign CAs. Gives back the IDs of the CAs."""
        self._global()
        lists = read(source).crls
        if not lists:
            raise ParameterError(
                "no revocation list in it", where="crl",
                remedy="Give the list: PEM or DER, often a .crl file",
            )
        return self._change(
            "administrator", now, lambda draft: tuple(revoking.import_crl(draft, one).issuer_id for one in lists)
        )

    # -- rolling change of a CA ---------------------------------------------------------------------------------------

    def group(
        self, name: str, members: Sequence[int], *, id: int | None = None, now: datetime | None = None  # noqa: A002
    ) -> Group:
        """Several anchors behind one reference; made, or given other members. Its ID goes where an anchor's would.

        Args:
            name: Unique among the groups.
            members: IDs of certificates; a device believes those of them that it holds.
            id: The ID to take, for a new group.
            now: Time of the operation.
        """
        return self._change("standard", now, lambda draft: groups.put(draft, name, tuple(members), wanted=id))


def _read(source: Source, key: Source | None, password: str | bytes | None) -> Material:
    """A certificate with the key that may be in a second file; the password belongs to whichever is encrypted."""
    found = read(source, password if key is None else None)
    if key is not None:
        found.add(read(key, password), "key")
    return found
