"""What several tests share: the real Xen and the QEMU to boot it on."""

import os
from collections.abc import Iterator

import pytest
from ptproof.formal.edge.errors import InputError
from ptproof.formal.xen.real_xen import Programs, programs


@pytest.fixture(scope="session")
def real_xen() -> Iterator[Programs]:
    """QEMU and Xen; where one is missing the test fails in CI, and is skipped elsewhere."""
    try:
        with programs() as found:
            yield found
    except InputError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no real Xen was booted: {error}")
