"""Credentials are masked wherever they stand, and nothing else is."""

from __future__ import annotations

import pytest

from ml_experiment.record.masking import (
    known_secrets,
    looks_secret,
    mask_mapping,
    mask_text,
    mask_uri,
    without_credentials,
)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "DB_PASSWORD",
        "db-pass",
        "passwd",
        "client_secret",
        "token",
        "HF_TOKEN",
        "githubToken",
        "MLFLOW_TRACKING_TOKEN",
        "api_key",
        "apiKey",
        "OPENAI_API_KEY",
        "apikey",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "private_key",
        "credential",
        "google_credentials",
        "Authorization",
        "api_tokens",
        "SLACK_WEBHOOK_URL",
    ],
)
def test_a_name_of_a_credential_looks_secret(name: str) -> None:
    """Values of these names are kept out of the record."""
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "max_tokens",
        "n_tokens",
        "num_tokens",
        "tokens",
        "tokenizer",
        "token_length",
        "token_ids",
        "pad_token",
        "eos_token",
        "TOKENIZERS_PARALLELISM",
        "key",
        "keys",
        "monkey",
        "primary_key",
        "password_length",
        "n_pass",
        "compass",
        "secretary",
        "author",
        "PATH",
        "",
    ],
)
def test_a_name_of_a_parameter_does_not_look_secret(name: str) -> None:
    """Names of ordinary hyper-parameters are not taken for credentials."""
    assert not looks_secret(name)


@pytest.mark.parametrize(
    ("uri", "masked"),
    [
        ("http://u:p@h", "http://u:***@h"),
        (
            "postgresql+psycopg2://u:p@h:5432/db",
            "postgresql+psycopg2://u:***@h:5432/db",
        ),
        ("postgres://u:p@ss@h/db", "postgres://u:***@h/db"),
        ("postgres://u:pa/ss@h/db", "postgres://u:***@h/db"),
        ("postgres://u:pa%2Fss@h/db", "postgres://u:***@h/db"),
        ("redis://:pw@h:6379/0", "redis://:***@h:6379/0"),
        ("mongodb://u:p@h1,h2/db?a=b", "mongodb://u:***@h1,h2/db?a=b"),
        ("kafka://u:p@h,kafka://v:q@i", "kafka://u:***@h,kafka://v:***@i"),
        ("https://ghp_0123456789abcdef@github.com/o/r", "https://***@github.com/o/r"),
        ("https://oauth2:abc@h/r.git", "https://oauth2:***@h/r.git"),
        ("https://h/x?token=abc&page=2", "https://h/x?token=***&page=2"),
        ("https://h/x?page=2&api_key=abc", "https://h/x?page=2&api_key=***"),
        (
            "s3://b/k?X-Amz-Signature=ab&X-Amz-Date=1",
            "s3://b/k?X-Amz-Signature=***&X-Amz-Date=1",
        ),
        (
            "see http://u:p@h/ and http://v:q@i/",
            "see http://u:***@h/ and http://v:***@i/",
        ),
        ('{"uri": "http://u:p@h/x"}', '{"uri": "http://u:***@h/x"}'),
    ],
)
def test_credentials_in_a_uri_are_masked(uri: str, masked: str) -> None:
    """Passwords, tokens and secret query parameters become asterisks."""
    assert masked == mask_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:////tmp/mlflow.db",
        "sqlite:///relative.db",
        "http://localhost:5000",
        "http://h:8080/picture@2x.png",
        "http://[::1]:5000/a@b",
        "ssh://git@github.com/o/r.git",
        "git@github.com:o/r.git",
        "https://alice@host/repository",
        "https://h/x?page=2&max_tokens=5",
        "no URI at all: a@b:c",
        "",
    ],
)
def test_a_uri_without_credentials_stays_as_it_is(uri: str) -> None:
    """Masking changes nothing that is not secret."""
    assert uri == mask_uri(uri)


def test_masking_a_masked_uri_changes_nothing() -> None:
    """Text may pass through the mask more than once."""
    once = mask_uri("http://u:p@h/x?token=abc")

    assert once == mask_uri(once)


@pytest.mark.parametrize(
    ("uri", "clean"),
    [
        ("https://u:p@h/r.git", "https://h/r.git"),
        ("https://ghp_0123456789abcdef@h/r.git", "https://h/r.git"),
        ("ssh://git@h/r.git", "ssh://git@h/r.git"),
        ("ssh://git:p@h/r.git", "ssh://git@h/r.git"),
        ("git@h:o/r.git", "git@h:o/r.git"),
        ("file:///a/b", "file:///a/b"),
    ],
)
def test_a_uri_without_its_credentials_can_still_be_used(uri: str, clean: str) -> None:
    """The address survives, who used it does not."""
    assert clean == without_credentials(uri)


def test_a_document_is_masked_at_every_depth() -> None:
    """Secrets in nested mappings and lists are found; types of the rest stay."""
    document = {
        "lr": 0.1,
        "max_tokens": 512,
        "db": {"password": "hunter22", "host": "h"},
        "uris": ["http://u:p@h", "plain"],
        "passwords": ["one", "two"],
        "token": None,
        "api_key": "",
        "use_password": True,
        "steps": (1, 2),
    }

    masked = mask_mapping(document)

    assert masked == {
        "lr": 0.1,
        "max_tokens": 512,
        "db": {"password": "***", "host": "h"},
        "uris": ["http://u:***@h", "plain"],
        "passwords": ["***", "***"],
        "token": None,
        "api_key": "",
        "use_password": True,
        "steps": [1, 2],
    }
    assert document["db"] == {"password": "hunter22", "host": "h"}


def test_a_password_that_yaml_reads_as_a_number_is_masked() -> None:
    """``password: 123456`` is a number to YAML and a password to its owner."""
    assert mask_mapping({"password": 123456}) == {"password": "***"}


def test_the_secrets_of_an_environment_are_known() -> None:
    """Values of secret names and passwords in URIs are what texts may not hold."""
    environ = {
        "MY_API_KEY": "abcdef-123",
        "DATABASE_URL": "postgres://u:p%40ssword@h/db",
        "SHORT_TOKEN": "abc",
        "AUTH_TOKEN": "disabled",
        "HOME": "/home/somebody",
        "MAX_TOKENS": "1000000",
    }

    found = known_secrets(environ)

    assert found == {"abcdef-123", "p%40ssword", "p@ssword"}


def test_secrets_are_scrubbed_from_a_text() -> None:
    """Each secret goes, the longest first, and its percent-encoded form, too."""
    text = "a=topsecret b=topsecret-long c=a%2Fbcdef d=fine"

    scrubbed = mask_text(text, {"topsecret", "topsecret-long", "a/bcdef", ""})

    assert scrubbed == "a=*** b=*** c=*** d=fine"
