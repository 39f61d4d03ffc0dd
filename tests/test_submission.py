"""Reading a file never runs it, and says what is wrong with it."""

from pathlib import Path

import pytest

from integrity.errors import BadInput
from integrity.policy import Policy, Precision
from integrity.submission import MAX_BYTES, Submission


def test_source_is_read_with_its_digest(tmp_path: Path) -> None:
    (tmp_path / "k.py").write_text("x = 1\n")
    submission = Submission.read(tmp_path / "k.py")
    assert submission.text == "x = 1\n"
    assert submission.unreadable == ""
    assert submission.digest.startswith("9e26bf36")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\x7fELF\0\0", "NUL"),
        (b"x = '\xff\xfe'", "not UTF-8"),
        (b"#" * (MAX_BYTES + 1), "larger than 4 MiB"),
    ],
)
def test_what_is_not_source_text_says_why(tmp_path: Path, raw: bytes, why: str) -> None:
    (tmp_path / "k.py").write_bytes(raw)
    submission = Submission.read(tmp_path / "k.py")
    assert why in submission.unreadable
    assert submission.text == ""


def test_a_file_that_is_missing_empty_or_a_directory_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text(" \n")
    for path, fix in (
        (tmp_path / "none.py", "check the path"),
        (tmp_path / "empty.py", "nothing to audit"),
        (tmp_path, "integrity screen"),
    ):
        with pytest.raises(BadInput, match=fix):
            Submission.read(path)


def policy(tmp_path: Path, text: str) -> Policy:
    (tmp_path / "p.toml").write_text(text)
    return Policy.load(tmp_path / "p.toml")


def test_a_policy_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    loaded = policy(tmp_path, '[policy]\nprior = 0.01\nprecision = "tf32"\n')
    assert loaded == Policy(prior=0.01, precision=Precision.TF32)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("prior = 1", r"no \[policy\] table"),
        ("[policy]\npriro = 0.1", "unknown key 'priro'; known: name, prior"),
        ("[policy]\nprior = 2", "between 0 and 1"),
        ("[policy]\nprior = 'x'", "is a float"),
        ("[policy]\nprecision = 'fp4'", "one of reference, tf32"),
        ("[policy]\nallow_fallback = 1", "is a bool"),
        ("[policy", "is not TOML"),
    ],
)
def test_a_bad_policy_says_what_to_mend(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        policy(tmp_path, text)
