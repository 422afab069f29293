"""Values that a response's field may have instead of what the API document says."""

from __future__ import annotations

from hypothesis import strategies as st

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**900, -(10**900), 10**5000, 2**63, -(2**63)]),
    st.floats(),
    st.decimals(),
    st.sampled_from(["", "NaN", "-Infinity", "1e999", "1e-999", "9" * 999, "\x1b[2J", "x" * 9999]),
    st.sampled_from(["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]),
    st.sampled_from([[], {}, [None], [[]], {"a": None}, {"a": [None, [], "b"]}, {"a": "b"}, {"a": 5}]),
)
