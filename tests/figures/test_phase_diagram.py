"""The title of the phase diagram's figure."""

from __future__ import annotations

from figures.phase_diagram import LONGEST, titled


def test_a_long_energy_is_cut_at_a_space_and_a_short_name_is_kept():
    energy = " + ".join(f"{k}*exp(-w{k % 2 + 1}**2)" for k in range(1, 30))
    title = titled(energy)
    assert len(title) <= LONGEST + 4 and title.endswith(" ...") and energy.startswith(title[:-4] + " ")
    assert titled("regular double well") == "regular double well"
    assert titled(energy[:LONGEST]) == energy[:LONGEST]
