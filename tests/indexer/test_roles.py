"""What docs/security.md says of users and keys is what they may do."""

import re
from pathlib import Path

import pytest

from indexer import roles
from tests.indexer.grants import Descriptor, Need, grants

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")


def told() -> dict[str, set[Need]]:
    """Reads the page's table: who, and each privilege with what it is granted on."""
    found: dict[str, set[Need]] = {}
    who = ""
    for line in PAGE.partition("| who | on |")[2].splitlines()[2:]:
        if not line.startswith("|"):
            break
        name, on, may, _why = (cell.strip() for cell in line.strip("|").split("|"))
        who = name or who
        names = re.findall(r"`([^`]+)`", on) or ["cluster"]
        privileges = re.findall(r"`([^`]+)`", may)
        found.setdefault(who, set()).update((one, name) for one in privileges for name in names)
    return found


@pytest.mark.parametrize(
    ("who", "descriptor"),
    [
        ("key `emostream-indexer`", roles.INDEXER),
        ("key `emostream-reader`", roles.READER),
        ("role `emostream_analyst`", roles.ANALYST),
    ],
)
def test_the_page_names_each_privilege_and_no_other(who: str, descriptor: Descriptor) -> None:
    assert told()[who] == grants(descriptor)


def test_the_page_names_what_the_analyst_may_in_kibana() -> None:
    (application,) = roles.ANALYST["applications"]
    assert set(re.findall(r"`(feature_\w+\.\w+)`", PAGE)) == set(application["privileges"])


@pytest.mark.parametrize("descriptor", [roles.READER, roles.ANALYST])
def test_who_only_reads_has_no_privilege_that_changes_anything(descriptor: Descriptor) -> None:
    assert {privilege for privilege, _on in grants(descriptor)} == {"read", "view_index_metadata"}
    for application in descriptor.get("applications", ()):
        assert all(privilege.endswith(".read") for privilege in application["privileges"])
