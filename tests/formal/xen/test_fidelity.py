"""Boots of real Xen that were recorded, held against the machine, and against the machine with faults."""

import re
from array import array
from pathlib import Path

import pytest
from attrs import evolve
from builder_mutants import MUTANTS, faulty
from ptproof.formal.layouts.paging import PAGE_SIZE
from ptproof.formal.machine.loading import Fate
from ptproof.formal.xen.booting import Recording, again
from ptproof.formal.xen.fidelity import Comparison, EntryDifference
from ptproof.formal.xen.recording import restore

FOLDER = Path(__file__).parents[2] / "data" / "xen-dumps"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
ALL = pytest.mark.parametrize("name", NAMES)


def recorded(name: str) -> Recording:
    """What a boot left."""
    return restore(str(FOLDER / f"{name}.json"))


RECORDED = {name: recorded(name) for name in NAMES}
RUN = [name for name in NAMES if again(RECORDED[name]).fate is Fate.RUNS]


def differs(recording: Recording) -> list[str]:
    """The differences of a recording, in lines."""
    return [str(each) for each in again(recording).differences]


def with_entry(recording: Recording, frame: int, index: int, change: int) -> Recording:
    """The recording with some bits of one entry of a table frame changed."""
    first = next(iter(recording.contents))
    words = array("Q", recording.contents[first])
    words[frame * PAGE_SIZE // 8 + index] ^= change
    return evolve(recording, contents=recording.contents | {first: words.tobytes()})


def with_text(recording: Recording, old: str, new: str) -> Recording:
    """The recording with something else in what Xen said."""
    assert old in recording.text
    return evolve(recording, text=recording.text.replace(old, new))


class TestRecordings:
    """What real Xen left."""

    @ALL
    def test_real_xen_is_as_the_machine_has_it(self, name: str) -> None:
        """Nothing differs: not the arrangement, nor an entry of a table, nor a frame's type."""
        assert differs(RECORDED[name]) == []

    @ALL
    def test_everything_that_was_read_is_compared(self, name: str) -> None:
        """Every table frame that was read is compared with all its entries, or was written over by a load."""
        found = again(RECORDED[name])
        read = sum(len(data) for data in RECORDED[name].contents.values()) // PAGE_SIZE
        assert found.frames + found.p2m_frames + len(found.overwritten) == read
        assert found.entries + len(found.xen_slots) == 512 * (found.frames + found.p2m_frames)
        assert found.infos == sum(len(data) for data in RECORDED[name].infos.values()) // 16

    def test_most_of_them_ran(self) -> None:
        """Seventeen of the twenty recorded boots came to dom0; the others were refused, or Xen died, as foretold."""
        assert len(RUN) == 17
        fates = {name: again(RECORDED[name]).fate for name in NAMES if name not in RUN}
        assert fates == {
            "compat-refused": Fate.NO_32_BIT,
            "p2m-too-large": Fate.P2M_TOO_LARGE,
            "start-within-a-page": Fate.DIES,
        }

    def test_xens_slots(self) -> None:
        """Xen's own 16 slots of the root are set apart, with their names."""
        slots = again(RECORDED["small"]).xen_slots
        assert [(slot.frame, slot.index) for slot in slots] == [(0, index) for index in range(256, 272)]
        used = [slot.name for slot in slots if slot.value]
        assert used == [
            "read-only machine-to-physical table",
            "linear page tables",
            "per-domain mappings",
            "Xen's code, data and maps",
            "direct map",
        ]

    def test_a_slot_that_dom0_took_is_compared(self) -> None:
        """Across 2**47 the builder overwrites Xen's slot 256: it is no longer set apart."""
        slots = again(RECORDED["across-2-to-the-47"]).xen_slots
        assert [slot.index for slot in slots] == list(range(257, 272))

    def test_a_32_bit_guests_slots(self) -> None:
        """Of a 32-bit guest's last L2 the entries from 0xF5800000 on are Xen's."""
        slots = again(RECORDED["compat-small"]).xen_slots
        assert [(slot.frame, slot.index) for slot in slots] == [(6, index) for index in range(428, 512)]

    def test_a_frame_that_was_written_over(self) -> None:
        """A kernel at the page whose leaf the cursor overwrote past 2**64 is loaded into an L3, which isn't compared."""
        found = again(RECORDED["kernel-over-a-table"])
        assert found.overwritten == (7,)
        assert found.frames == 8

    def test_they_are_small(self) -> None:
        """All recordings together take less than 300 KB."""
        assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 300_000


class TestMutants:
    """A builder with a fault doesn't agree with real Xen."""

    @pytest.mark.parametrize("name", MUTANTS)
    def test_a_fault_is_seen(self, name: str) -> None:
        """Some recorded boot differs from what the faulty builder makes, or the faulty builder fails."""
        build = faulty(name)

        def is_seen(recording: Recording) -> bool:
            try:
                return bool(again(recording, build).differences)
            except (ValueError, IndexError, KeyError):
                return True

        assert any(is_seen(recording) for recording in RECORDED.values())

    def test_without_a_fault(self) -> None:
        """The same builder, loaded in the same way but without a fault, agrees."""
        MUTANTS["none"] = ("def build(", "def build(")
        try:
            build = faulty("none")
        finally:
            del MUTANTS["none"]
        assert not any(again(recording, build).differences for recording in RECORDED.values())


class TestDamage:
    """A single bit that differs is found and named."""

    @pytest.mark.parametrize("bit", [0, 1, 2, 5, 6, 12, 20, 52, 63])
    @pytest.mark.parametrize("name", ["small", "compat-small"])
    def test_a_bit_of_a_leaf(self, name: str, bit: int) -> None:
        """Each bit of a leaf counts: present, writable, user, accessed, dirty, the frame, Xen's own, no-execute."""
        (found,) = again(with_entry(RECORDED[name], 1, 300, 1 << bit)).differences
        assert isinstance(found, EntryDifference)
        assert (found.frame, found.level, found.index) == (1, 1, 300)
        assert int(found.expected, 16) ^ int(found.found, 16) == 1 << bit

    @pytest.mark.parametrize(("frame", "level", "index"), [(0, 4, 0), (2, 2, 1), (3, 3, 0), (4, 1, 511)])
    def test_any_table(self, frame: int, level: int, index: int) -> None:
        """A difference in a table of any level names its frame, its level and its index, and both values."""
        (line,) = differs(with_entry(RECORDED["small"], frame, index, 0x1000))
        assert re.fullmatch(
            rf"frame {frame}, L{level}, entry {index}: expected 0x[0-9a-f]+, found 0x[0-9a-f]+", line
        )

    @pytest.mark.parametrize("index", [1, 255, 272, 511])
    def test_an_entry_that_should_be_empty(self, index: int) -> None:
        """An entry where there should be none is found, next to Xen's slots, too."""
        assert differs(with_entry(RECORDED["small"], 0, index, 0x1234067)) == [
            f"frame 0, L4, entry {index}: expected 0x0, found 0x1234067"
        ]

    def test_the_linear_slot(self) -> None:
        """Xen's slot for linear page tables has to point to the root."""
        (line,) = differs(with_entry(RECORDED["small"], 0, 258, 0x1000))
        assert line.startswith("frame 0, L4, entry 258: expected 0x")
        assert ", the root itself, found 0x" in line

    def test_the_shadow_slot(self) -> None:
        """Xen's slot for shadow page tables is empty for a dom0."""
        assert differs(with_entry(RECORDED["small"], 0, 259, 0x63)) == [
            "frame 0, L4, entry 259: expected 0, found 0x63"
        ]

    def test_a_slot_of_xens_with_a_frame_of_dom0s(self) -> None:
        """No slot of Xen's may lead to a frame of dom0's."""
        words = array("Q", next(iter(RECORDED["small"].contents.values())))
        (line,) = differs(with_entry(RECORDED["small"], 0, 263, words[0]))
        assert line.startswith("frame 0, L4, entry 263: expected no frame of dom0's, direct map, found 0x")

    def test_xens_slots_may_be_as_they_like(self) -> None:
        """What Xen has in its other slots isn't compared."""
        assert differs(with_entry(RECORDED["small"], 0, 262, 0x1000)) == []


class TestP2m:
    """The tables of a separate p2m, whose frames are Xen's choice."""

    def test_another_frame_is_followed(self) -> None:
        """An entry that points to another frame than was read can't be followed: it would be read then."""
        with pytest.raises(KeyError):
            differs(with_entry(RECORDED["linux"], 0, 1, 1 << 40))

    def test_a_frame_of_dom0s_own(self) -> None:
        """A table of the p2m can't be a frame of the allocation."""
        recording = RECORDED["linux"]
        words = array("Q", next(iter(recording.contents.values())))
        (line,) = differs(with_entry(recording, 0, 1, words[1] ^ words[511]))
        assert line.startswith("frame 0, L4, entry 1: expected a frame of its own with flags 0x67, found 0x")

    def test_a_frame_that_is_not_there(self) -> None:
        """An entry that is empty where the p2m's table should be is a difference."""
        recording = RECORDED["linux"]
        words = array("Q", next(iter(recording.contents.values())))
        (line,) = differs(with_entry(recording, 0, 1, words[1]))
        assert line.endswith("expected a frame of its own with flags 0x67, found 0x0")

    def p2m_changed(self, name: str, table: int, index: int, change: int) -> list[str]:
        """What differs when bits of an entry of one of the p2m's tables are changed."""
        recording = RECORDED[name]
        key = list(recording.contents)[1 + table]
        words = array("Q", recording.contents[key])
        words[index] ^= change
        return differs(evolve(recording, contents=recording.contents | {key: words.tobytes()}))

    def test_flags(self) -> None:
        """The flags of the p2m's leaves and tables are compared."""
        (line,) = self.p2m_changed("linux", 2, 0, 0x40)
        assert line.startswith("a table of the p2m, L1, entry 0: expected 0x")
        assert len(self.p2m_changed("linux", 2, 100, 0x67)) == 1

    def test_a_page_twice(self) -> None:
        """No page of the p2m is another's."""
        recording = RECORDED["linux"]
        lowest = array("Q", list(recording.contents.values())[3])
        (line,) = self.p2m_changed("linux", 2, 1, lowest[0] ^ lowest[1])
        assert line.startswith("a table of the p2m, L1, entry 1: expected a frame of its own")

    def test_superpages(self) -> None:
        """A superpage is aligned, and said to be one."""
        assert any("entry 511" in line for line in self.p2m_changed("p2m-superpages", 1, 511, 0x80))
        assert len(self.p2m_changed("p2m-superpages", 1, 511, 0x1000)) == 1


class TestFrameInfo:
    """What Xen notes of frames."""

    @pytest.mark.parametrize(("word", "name"), [(0, "count_info"), (1, "type_info")])
    @pytest.mark.parametrize("page", [0, 0x193, 0x3FF])
    def test_a_count_or_a_type(self, page: int, word: int, name: str) -> None:
        """A frame of the allocation with another count or type is named by its page and its mfn."""
        recording = RECORDED["small"]
        ((key, data),) = recording.infos.items()
        words = array("Q", data)
        words[2 * page + word] += 1
        changed = evolve(recording, infos={key: words.tobytes()})
        (line,) = differs(changed)
        assert line.startswith(f"page {page} of the allocation, mfn {key[0] + page:#x}, {name}: expected 0x")

    def test_the_initrds_frames(self) -> None:
        """The frames of a mapped initrd count, too."""
        recording = RECORDED["initrd-mapped"]
        key = list(recording.infos)[-1]
        changed = evolve(recording, infos=recording.infos | {key: bytes(16 * key[1])})
        lines = differs(changed)
        assert len(lines) == 2 * key[1] == 2 * 733
        assert all(" of the initrd, " in line for line in lines)


def compared(name: str, old: str, new: str) -> Comparison:
    """What comes of a boot in which Xen said something else."""
    return again(with_text(RECORDED[name], old, new))


class TestText:
    """What Xen says counts."""

    @pytest.mark.parametrize(
        ("old", "new", "label"),
        [
            ("Page tables:   0000000000193000->0000000000198000", "Page tables:   0000000000193000->0000000000199000", "Page tables"),
            ("Boot stack:    0000000000198000->", "Boot stack:    0000000000197000->", "Boot stack"),
            ("TOTAL:         0000000000000000->0000000000400000", "TOTAL:         0000000000000000->0000000000800000", "TOTAL"),
            ("Phys-Mach map: 0000000000112000->0000000000192000", "Phys-Mach map: 0000000000112000->0000000000192008", "Phys-Mach map"),
        ],
    )  # fmt: skip
    def test_a_segment(self, old: str, new: str, label: str) -> None:
        """A segment that lies elsewhere is told with both places."""
        (line,) = [str(each) for each in compared("small", old, new).differences]
        assert line.startswith(f"{label}: expected ")

    def test_a_segment_that_is_missing(self) -> None:
        """A segment that Xen didn't print is told as missing."""
        found = compared(
            "initrd-mapped", " Init. ramdisk: 0000000000113000", " Nothing here: 0000000000113000"
        )
        assert [each.where for each in found.differences] == ["Init. ramdisk"]
        assert found.differences[0].found == "nothing"

    def test_the_memory(self) -> None:
        """Less memory for dom0 than it was promised is a difference."""
        found = compared("small", "(64512 pages to be allocated)", "(64511 pages to be allocated)")
        assert [str(each) for each in found.differences] == [
            "dom0's memory: expected 65536 pages, found 65535 pages"
        ]

    def test_another_end(self) -> None:
        """A boot that Xen dies of is a difference where dom0 should run, and its memory isn't compared."""
        found = compared("small", "Freed 656kB init memory", "Panic on CPU 0:")
        assert [str(each) for each in found.differences] == ["the end: expected dom0 runs, found Xen dies"]
        assert (found.verdict, found.frames) == ("differed", 0)

    def test_an_unknown_end(self) -> None:
        """So is a boot that comes to no known end."""
        found = compared("small", "Freed 656kB init memory", "")
        assert [str(each) for each in found.differences] == [
            "the end: expected dom0 runs, found nothing that is known"
        ]

    def test_no_arrangement(self) -> None:
        """A log without the arrangement is a difference where there should be one."""
        recording = evolve(RECORDED["small"], text="(XEN) Freed 656kB init memory")
        assert differs(recording) == ["the log: expected an arrangement, found no arrangement"]

    def test_an_arrangement_too_many(self) -> None:
        """And the other way round."""
        refused = RECORDED["compat-refused"]
        recording = evolve(refused, text=refused.text + RECORDED["small"].text.replace("Freed", "freed"))
        found = again(recording)
        assert "the log: expected no arrangement, found an arrangement" in map(str, found.differences)

    def test_where_the_initrd_is(self) -> None:
        """Without the line that tells where the initrd lies nothing can be compared, and that is a difference."""
        recording = RECORDED["initrd-mapped"]
        line = next(line for line in recording.text.splitlines() if "Init. ramdisk: 00000000" in line)
        found = compared("initrd-mapped", line + "\n", "")
        assert "the log: expected where dom0's frames are, found no such line" in map(str, found.differences)

    def test_verdicts(self) -> None:
        """A boot agrees, is refused as foretold, or differs."""
        verdicts = {name: again(RECORDED[name]).verdict for name in NAMES}
        assert {name for name, verdict in verdicts.items() if verdict == "refused"} == set(NAMES) - set(RUN)
        assert "differed" not in verdicts.values()
