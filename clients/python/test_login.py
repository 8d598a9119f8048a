"""Signing in with MSAL and azure-identity."""

import base64
import json
import pathlib
import unittest

import msal
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential

import stage


def application(credential: object, client_id: str = stage.CLIENT, **more: object) -> msal.ConfidentialClientApplication:
    more = {"authority": stage.AUTHORITY, "instance_discovery": False, "verify": stage.CA_FILE} | more
    return msal.ConfidentialClientApplication(client_id, client_credential=credential, **more)


def certificate() -> dict[str, str]:
    read = lambda name: pathlib.Path(stage.CERTIFICATE[name]).read_text()
    return {"private_key": read("key_file"), "public_certificate": read("certificate_file")}


def claims(token: str) -> dict[str, object]:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Login(unittest.TestCase):
    def assert_token(self, answer: dict[str, object], proof: str) -> None:
        self.assertNotIn("error", answer, answer.get("error_description"))
        self.assertEqual(answer["token_type"], "Bearer")
        said = claims(answer["access_token"])
        self.assertEqual((said["tid"], said["appid"], said["appidacr"]), (stage.TENANT, stage.CLIENT, proof))

    def test_a_secret_signs_in_and_the_token_is_cached(self) -> None:
        app = application(stage.SECRET)
        answer = app.acquire_token_for_client([stage.SCOPE])
        self.assert_token(answer, "1")
        self.assertTrue(3600 <= answer["expires_in"] <= 5400, answer["expires_in"])
        again = app.acquire_token_for_client([stage.SCOPE])
        self.assertEqual((again["token_source"], again["access_token"]), ("cache", answer["access_token"]))

    def test_a_certificate_signs_in(self) -> None:
        """PS256 with the SHA-256 thumbprint, which MSAL writes as plain base64, and times with fractions."""
        self.assert_token(application(certificate()).acquire_token_for_client([stage.SCOPE]), "2")

    def test_a_certificate_signs_in_by_its_older_thumbprint(self) -> None:
        """RS256 with the SHA-1 thumbprint."""
        thumbprint = base64.urlsafe_b64decode(stage.CERTIFICATE["x5t"] + "=").hex()
        credential = {"private_key": certificate()["private_key"], "thumbprint": thumbprint}
        self.assert_token(application(credential).acquire_token_for_client([stage.SCOPE]), "2")

    def test_a_wrong_secret_is_told_by_number(self) -> None:
        answer = application("mistaken").acquire_token_for_client([stage.SCOPE])
        self.assertEqual((answer["error"], answer["error_codes"]), ("invalid_client", [7000215]))
        self.assertTrue(answer["error_description"].startswith("AADSTS7000215: "), answer["error_description"])
        for name in ("timestamp", "trace_id", "correlation_id", "error_uri"):
            self.assertIn(name, answer)

    def test_an_unknown_application_and_scope_are_told_by_number(self) -> None:
        absent = application(stage.SECRET, client_id="7e4a0000-51d0-4c0a-9a11-00000000dead")
        answer = absent.acquire_token_for_client([stage.SCOPE])
        self.assertEqual((answer["error"], answer["error_codes"]), ("unauthorized_client", [700016]))
        answer = application(stage.SECRET).acquire_token_for_client(["https://elsewhere.example/.default"])
        self.assertEqual((answer["error"], answer["error_codes"]), ("invalid_resource", [500011]))

    def test_an_unknown_tenant_has_no_metadata(self) -> None:
        with self.assertRaisesRegex(ValueError, "tenant"):
            application(stage.SECRET, authority=f"{stage.BASE}/nowhere.example")

    def test_the_issuer_fits_its_own_address(self) -> None:
        """As a plain OpenID Connect authority, for which MSAL compares the issuer."""
        app = application(stage.SECRET, authority=None, oidc_authority=f"{stage.AUTHORITY}/v2.0")
        self.assert_token(app.acquire_token_for_client([stage.SCOPE]), "1")

    def test_instance_discovery_leads_back(self) -> None:
        app = application(stage.SECRET, instance_discovery=f"{stage.BASE}/common/discovery/instance")
        self.assert_token(app.acquire_token_for_client([stage.SCOPE]), "1")

    def test_a_client_that_handles_challenges_gets_a_day(self) -> None:
        app = application(stage.SECRET, client_capabilities=["cp1"])
        answer = app.acquire_token_for_client([stage.SCOPE])
        self.assert_token(answer, "1")
        self.assertTrue(86_400 <= answer["expires_in"] <= 100_800, answer["expires_in"])
        self.assertEqual(claims(answer["access_token"])["xms_cc"], ["cp1"])

    def test_without_the_authority_certificate_nobody_signs_in(self) -> None:
        with self.assertRaises(requests.exceptions.SSLError):
            application(stage.SECRET, verify=True)

    def test_azure_identity_signs_in(self) -> None:
        pem = "".join(certificate().values()).encode()
        by_certificate = CertificateCredential(
            stage.TENANT,
            stage.CLIENT,
            certificate_data=pem,
            authority=stage.BASE,
            disable_instance_discovery=True,
            connection_verify=stage.CA_FILE,
        )
        for credential, proof in ((stage.secret_credential(), "1"), (by_certificate, "2")):
            said = claims(credential.get_token(stage.SCOPE).token)
            self.assertEqual((said["tid"], said["appidacr"]), (stage.TENANT, proof))
        with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS7000215"):
            stage.secret_credential("mistaken").get_token(stage.SCOPE)


if __name__ == "__main__":
    unittest.main()
