"""The reference library of Standard Webhooks verifies what the product signs."""

import json
import pathlib
import subprocess
import unittest

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COMMAND = ("cargo", "run", "--quiet", "--locked", "--package", "webhooks", "--example", "signatures")


def messages() -> list[dict]:
    """A thousand messages, each signed with two secrets, just now."""
    made = subprocess.run(COMMAND, cwd=ROOT, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in made.stdout.splitlines()]


def headers(message: dict, **changes: str) -> dict[str, str]:
    """The headers of a message, some of them changed."""
    names = {"webhook-id": "id", "webhook-timestamp": "timestamp", "webhook-signature": "signatures"}
    return {header: (message | changes)[name] for header, name in names.items()}


class Signatures(unittest.TestCase):
    """Both secrets of every message count, and nothing else does."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.messages = messages()

    def test_every_message_is_accepted_with_either_secret(self) -> None:
        self.assertEqual(len(self.messages), 1000)
        for message in self.messages:
            for secret in message["secrets"]:
                event = Webhook(secret).verify(message["body"], headers(message))
                self.assertEqual(event, json.loads(message["body"]))

    def test_what_was_changed_is_refused(self) -> None:
        stranger = self.messages[1]["secrets"][0]
        for message in self.messages[2:52]:
            secret = message["secrets"][0]
            old = str(int(message["timestamp"]) - 3600)
            wrong = [
                (stranger, message["body"], headers(message)),
                (secret, message["body"] + " ", headers(message)),
                (secret, message["body"], headers(message, id="msg_x")),
                (secret, message["body"], headers(message, timestamp=str(int(message["timestamp"]) - 1))),
                (secret, message["body"], headers(message, timestamp=old)),
                (secret, message["body"], headers(message, signatures=message["signatures"].swapcase())),
            ]
            for key, body, sent in wrong:
                with self.assertRaises(WebhookVerificationError):
                    Webhook(key).verify(body, sent)
